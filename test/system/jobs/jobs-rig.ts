import OpenAI from "openai";
import { expect } from "vitest";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startPlayedUpstream, type PlayedUpstream } from "./played-upstream.ts";

interface RequestOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
  /** The default is the rig's own key. */
  readonly key?: string;
}

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
}

/** A job as the API shows it, reduced to the fields that tests read. */
export interface JobView {
  readonly id: string;
  readonly status: string;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly [field: string]: unknown;
}

/**
 * The broker has simulated upstreams for `chat` and `embed`. The test plays the upstream of
 * `played` (its two providers are the same), `once` (a single attempt) and `one` (a single slot).
 */
export interface JobsRig {
  readonly broker: TestBroker;
  readonly played: PlayedUpstream;
  readonly key: string;
  readonly keyId: string;
  client(key?: string): OpenAI;
  ask(path: string, asked?: RequestOptions): Promise<Answered>;
  /** Returns an answer's JSON after a check of its status. */
  json<Json>(path: string, asked?: RequestOptions, status?: number): Promise<Json>;
  /** Accepts a chat job with `Prefer: respond-async`. */
  accept(model: string, fields?: object): Promise<JobView>;
  state(job: string): Promise<string>;
  /** Counts the rows of a job by table. */
  stored(job: string): Promise<Record<string, number>>;
  /** Waits until nothing runs, then compares the ledger with the upstreams. */
  settleDown(): Promise<void>;
  stop(): Promise<void>;
}

const tables = ["job_requests", "job_results", "job_events", "idempotency_keys"] as const;

/** `server` is the `server:` part of the configuration, as YAML flow text. */
export async function startJobsRig(server = "{}", chat = ""): Promise<JobsRig> {
  const played = await startPlayedUpstream();
  // A call that is closed within a test is not closed because of its silence.
  const yaml = "timeouts: { first_byte: 1h, idle: 1h }";
  const playedAt = { baseUrl: played.url, price: { input: 1, output: 2 }, yaml };
  const broker = await startTestBroker({
    server,
    providers: {
      gpu: { slots: 8, price: { input: 1, output: 2 } },
      left: { ...playedAt, brokerSlots: 8 },
      right: { ...playedAt, brokerSlots: 8 },
      single: { ...playedAt, brokerSlots: 1 },
    },
    models: [
      `  chat: { serve: [{ provider: gpu, model: m }], max_output_tokens: 64${chat} }`,
      "  embed: { serve: [{ provider: gpu, model: m }], kind: embedding }",
      "  played: { serve: [{ provider: left, model: m }, { provider: right, model: m }] }",
      "  once: { serve: [{ provider: left, model: m }], max_attempts: 1 }",
      "  one: { serve: [{ provider: single, model: m }], max_attempts: 1 }",
    ].join("\n"),
  });
  const { key, id: keyId } = await broker.key({ budget: { limit_usd: "100", period: "month" } });
  const ask: JobsRig["ask"] = async (path, asked = {}) => {
    const { method = asked.body === undefined ? "GET" : "POST", headers, body, signal } = asked;
    const response = await fetch(`${broker.baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${asked.key ?? key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, bytes, text: bytes.toString() };
  };
  const json: JobsRig["json"] = async <Json>(
    path: string,
    asked?: RequestOptions,
    status = 200,
  ) => {
    const answer = await ask(path, asked);
    expect({ status: answer.status, text: answer.text }).toMatchObject({ status });
    return JSON.parse(answer.text) as Json;
  };
  const { pool } = broker.database;
  const count = async (query: string, ...values: string[]): Promise<number> => {
    const { rows } = await pool.query<{ n: number }>(query, values);
    return rows[0]?.n ?? 0;
  };
  return {
    broker,
    played,
    key,
    keyId,
    client: (apiKey = key) => new OpenAI({ apiKey, baseURL: broker.baseUrl, maxRetries: 0 }),
    ask,
    json,
    accept: (model, fields) =>
      json<JobView>(
        "/chat/completions",
        { headers: { prefer: "respond-async" }, body: chatBody(model, fields) },
        202,
      ),
    async state(job) {
      const { rows } = await pool.query<{ state: string }>("select state from jobs where id = $1", [
        job,
      ]);
      return rows[0]?.state ?? "none";
    },
    async stored(job) {
      const counts = tables.map(async (table) => [
        table,
        await count(`select count(*)::integer as n from ${table} where job_id = $1`, job),
      ]);
      return Object.fromEntries(await Promise.all(counts)) as Record<string, number>;
    },
    async settleDown() {
      const open = "select count(*)::integer as n from jobs where state in ('waiting', 'running')";
      await eventually(async () => expect(await count(open)).toBe(0));
      const { gpu } = broker.upstreams;
      if (gpu === undefined) throw new Error("no simulated upstream");
      await eventually(() => expect(gpu.counters().inFlight).toBe(0));
      expect(await findDifferences(broker)).toEqual([]);
    },
    async stop() {
      await broker.stop();
      await played.close();
    },
  };
}

export function chatBody(model: string, fields: object = {}) {
  return { model, messages: [{ role: "user", content: "Hi" }], ...fields };
}

/** The played upstream's whole chat completion, spaced as no serializer would. */
export const WHOLE = `{ "id":"c1",  "object":"chat.completion","created":1, "model":"m",
 "choices":[{"index":0,"message":{"role":"assistant","content":"caf\\u00e9"},"finish_reason":"stop"}],
 "usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}, "big":12345678901234567890 }`;

export interface SentEvent {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
  readonly text: string;
}

/** Comments of the stream are left out. */
export function eventsOf(text: string): SentEvent[] {
  return text
    .split("\n\n")
    .filter((part) => /^data:/m.test(part))
    .map((part) => {
      const field = (name: string): string | undefined =>
        new RegExp(`^${name}: ?(.*)$`, "m").exec(part)?.[1];
      return { id: field("id"), event: field("event"), data: field("data") ?? "", text: part };
    });
}
