import { setTimeout as sleep } from "node:timers/promises";
import OpenAI, { toFile } from "openai";
import type { Batch } from "openai/resources/batches";
import { expect } from "vitest";
import { startTestBroker, type TestBroker, type TestBrokerOptions } from "../../support/broker.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";

export interface Result {
  readonly id: string;
  readonly custom_id: string;
  readonly response: {
    readonly status_code: number;
    readonly request_id: string;
    readonly body: Readonly<Record<string, unknown>>;
  } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** The broker adds these fields to OpenAI's batch. */
export type ShownBatch = Batch & {
  readonly cost: { readonly amount: string; readonly currency: string };
  readonly paused: { readonly reason: string; readonly message: string } | null;
};

export interface LineOptions {
  readonly model?: string;
  readonly text?: string;
  readonly body?: object;
  readonly url?: string;
}

/** The upstreams are simulated; the client has one of the broker's keys. */
export interface BatchRig {
  readonly broker: TestBroker;
  readonly key: string;
  readonly keyId: string;
  readonly client: OpenAI;
  clientOf(key: string): OpenAI;
  upload(content: string | Buffer, name?: string): Promise<string>;
  /** Uploads lines and makes a batch of them. */
  submit(
    lines: readonly string[] | string | Buffer,
    fields?: Partial<OpenAI.Batches.BatchCreateParams> & { readonly endpoint?: string },
  ): Promise<ShownBatch>;
  batch(id: string): Promise<ShownBatch>;
  /** Waits until a batch has one of these states. */
  until(id: string, ...states: readonly string[]): Promise<ShownBatch>;
  /** Without a file there are no lines. */
  results(file: string | null | undefined): Promise<Result[]>;
  /** Waits until nothing runs, then compares the ledger with the upstreams. */
  settleDown(): Promise<void>;
  stop(): Promise<void>;
}

/** The line is a chat request unless the options say otherwise. */
export function line(id: string, options: LineOptions = {}): string {
  const { model = "chat", text = `say ${id}`, url = "/v1/chat/completions", body } = options;
  const messages = [{ role: "user", content: text }];
  return JSON.stringify({
    custom_id: id,
    method: "POST",
    url,
    body: body ?? { model, messages, max_tokens: 8 },
  });
}

/** The lines are `r0`, `r1`, … */
export function lines(count: number, options: LineOptions = {}): string[] {
  return Array.from({ length: count }, (_, index) => line(`r${index}`, options));
}

/** The fields `keyFields` are those of the rig's key. */
export async function startBatchRig(
  options: TestBrokerOptions,
  keyFields: Record<string, unknown> = {},
): Promise<BatchRig> {
  const broker = await startTestBroker(options);
  const { key, id: keyId } = await broker.key(keyFields);
  const clientOf = (apiKey: string): OpenAI =>
    new OpenAI({ apiKey, baseURL: broker.baseUrl, maxRetries: 0 });
  const client = clientOf(key);
  const rig: BatchRig = {
    broker,
    key,
    keyId,
    client,
    clientOf,
    async upload(content, name = "input.jsonl") {
      const file = await toFile(Buffer.from(content), name);
      return (await client.files.create({ file, purpose: "batch" })).id;
    },
    async submit(input, fields = {}) {
      const content =
        typeof input === "string" || Buffer.isBuffer(input) ? input : `${input.join("\n")}\n`;
      return (await client.batches.create({
        input_file_id: await rig.upload(content),
        endpoint: "/v1/chat/completions",
        completion_window: "24h",
        ...fields,
      })) as ShownBatch;
    },
    batch: async (id) => (await client.batches.retrieve(id)) as ShownBatch,
    async until(id, ...states) {
      for (;;) {
        const batch = await rig.batch(id);
        if (states.includes(batch.status)) return batch;
        if (batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at)
          throw new Error(`${id} ended as ${batch.status}: ${JSON.stringify(batch.errors)}`);
        await sleep(20);
      }
    },
    async results(file) {
      if (file == null) return [];
      const text = await (await client.files.content(file)).text();
      expect(text.endsWith("\n")).toBe(true);
      return text
        .slice(0, -1)
        .split("\n")
        .map((result) => JSON.parse(result) as Result);
    },
    async settleDown() {
      await eventually(async () => {
        expect(await findDifferences(broker)).toEqual([]);
      });
    },
    stop: () => broker.stop(),
  };
  return rig;
}
