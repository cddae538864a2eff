import OpenAI from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startReceiver, type Receiver } from "../webhooks/receiver.ts";
import { line, startBatchRig, type BatchRig, type ShownBatch } from "./batch-rig.ts";

let rig: BatchRig;
let receiver: Receiver;
let secret: string;

/** `ms` in a batch's metadata is its whole window in milliseconds. */
const SHORT_WINDOWS = `
  create function shorten_window() returns trigger language plpgsql as $$ begin
    new.deadline_at := coalesce(
      now() + ((new.metadata::json ->> 'ms') || ' ms')::interval, new.deadline_at);
    return new;
  end $$;
  create trigger shorten_window before insert on batches for each row
    execute function shorten_window()`;

beforeAll(async () => {
  receiver = await startReceiver();
  rig = await startBatchRig({
    providers: { gpu: { slots: 4, tokensPerSecond: 20 }, fast: { slots: 4 } },
    models: `
  chat: { serve: [{ provider: gpu, model: sim }], max_output_tokens: 4096 }
  fast: { serve: [{ provider: fast, model: sim }] }`,
    server: "{}\nwebhooks: { allow_networks: ['127.0.0.0/8'] }",
  });
  await rig.broker.database.pool.query(SHORT_WINDOWS);
  const { data: types } = await rig.client.webhooks.eventTypes.list();
  const endpoint = await rig.client.webhooks.create({
    name: "batches",
    url: `${receiver.address}/hook`,
    event_types: types as OpenAI.Webhooks.WebhookCreateParams["event_types"],
  });
  secret = endpoint.signing_secret;
});
afterAll(async () => {
  await rig.stop();
  await receiver[Symbol.asyncDispose]();
});

const ask = (id: string, tokens: number, model = "chat"): string =>
  line(id, {
    body: { model, messages: [{ role: "user", content: `[sim output=${tokens}]` }] },
  });
/** These lines have a provider of their own, so that nothing delays them. */
const fast = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => ask(`fast${at}`, 1, "fast"));
/** Each line runs for minutes unless it is stopped. */
const slow = (count: number): string[] =>
  Array.from({ length: count }, (_, at) => ask(`slow${at}`, 4_000));

const upstream = () => rig.broker.upstreams["gpu"]?.counters();

/** Waits until this many lines are done and other lines have all slots. */
async function untilBusy(id: string, completed: number): Promise<void> {
  await eventually(async () => {
    expect((await rig.batch(id)).request_counts).toMatchObject({ completed });
    expect(upstream()?.running).toBe(4);
  }, 20_000);
}

/** Running calls stop long before their time, and no call begins. */
async function untilIdle(): Promise<void> {
  await eventually(() => expect(upstream()?.inFlight).toBe(0));
}

/** Lines that are done are in the output file; all others are in the error file, under one code. */
async function expectParts(batch: ShownBatch, completed: number, failed: number, code: string) {
  expect(batch.request_counts).toEqual({ total: completed + failed, completed, failed });
  const output = await rig.results(batch.output_file_id);
  expect(output.map((result) => result.custom_id)).toEqual(
    fast(completed).map((_, at) => `fast${at}`),
  );
  const errors = await rig.results(batch.error_file_id);
  expect(errors.map((result) => result.custom_id)).toEqual(
    slow(failed).map((_, at) => `slow${at}`),
  );
  for (const { response, error } of errors) {
    expect(response).toBeNull();
    expect(error).toMatchObject({ code, message: expect.any(String) as unknown });
  }
}

test("a batch that runs is cancelled: what is done stays, the rest stops", async () => {
  const { id } = await rig.submit([...fast(3), ...slow(40)]);
  await untilBusy(id, 3);
  const before = upstream()?.calls;
  const both = await Promise.all([rig.client.batches.cancel(id), rig.client.batches.cancel(id)]);
  for (const batch of both) {
    expect(["cancelling", "cancelled"]).toContain(batch.status);
    expect(batch.cancelling_at).toBeGreaterThanOrEqual(batch.in_progress_at ?? 0);
  }
  await untilIdle();
  const batch = await rig.until(id, "cancelled");
  expect(batch.cancelled_at).toBeGreaterThanOrEqual(batch.cancelling_at ?? 0);
  expect(batch).toMatchObject({ completed_at: null, expired_at: null, failed_at: null });
  expect(upstream()?.calls).toBe(before);
  await expectParts(batch, 3, 40, "batch_cancelled");
  expect(await rig.client.batches.cancel(id)).toEqual(batch);
});

test("a batch that is being read is cancelled, and leaves nothing", async () => {
  // The second batch is read after the first.
  const many = Array.from({ length: 8_000 }, (_, at) => ask(`r${at}`, 1));
  const input = await rig.upload(many.join("\n"));
  const small = await rig.upload(ask("a", 1));
  const before = upstream()?.calls;
  const batchFields = { endpoint: "/v1/chat/completions", completion_window: "24h" } as const;
  const first = await rig.client.batches.create({ input_file_id: input, ...batchFields });
  const second = await rig.client.batches.create({ input_file_id: small, ...batchFields });
  const cancelled = await Promise.all(
    [second, first].map(async ({ id }) => {
      expect(await rig.client.batches.cancel(id)).toMatchObject({ in_progress_at: null });
      return await rig.until(id, "cancelled");
    }),
  );
  for (const batch of cancelled)
    expect(batch).toMatchObject({
      in_progress_at: null,
      output_file_id: null,
      error_file_id: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
    });
  expect(upstream()?.calls).toBe(before);
});

test("a batch that has ended is not changed by a cancel", async () => {
  const { id } = await rig.submit(fast(2));
  const completed = await rig.until(id, "completed");
  expect(await rig.client.batches.cancel(id)).toEqual(completed);
  const { id: bad } = await rig.submit("{");
  const failed = await rig.until(bad, "failed");
  expect(await rig.client.batches.cancel(bad)).toEqual(failed);
});

test("a batch expires: what is done stays, the rest stops", async () => {
  const { id } = await rig.submit([...fast(3), ...slow(40)], { metadata: { ms: "4000" } });
  const batch = await rig.until(id, "expired");
  await untilIdle();
  expect(batch.expired_at).toBeGreaterThanOrEqual(batch.expires_at ?? Infinity);
  expect(batch).toMatchObject({ completed_at: null, cancelled_at: null, cancelling_at: null });
  await expectParts(batch, 3, 40, "batch_expired");
});

test("without its key a batch is paused, and nothing of it is begun any more", async () => {
  const { key, id: keyId } = await rig.broker.key();
  const other = rig.clientOf(key);
  const input = await other.files.create({
    file: new File(
      [Array.from({ length: 60 }, (_, at) => ask(`r${at}`, 10)).join("\n")],
      "input.jsonl",
    ),
    purpose: "batch",
  });
  const { id } = await other.batches.create({
    input_file_id: input.id,
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
  });
  await eventually(() => expect(upstream()?.running).toBe(4));
  await rig.broker.admin("DELETE", `/admin/keys/${keyId}`);
  await eventually(() => expect(upstream()?.inFlight).toBe(0));
  const before = upstream()?.calls;
  const { pool } = rig.broker.database;
  await eventually(async () => {
    const { rows } = await pool.query("select state, paused from batches where id = $1", [id]);
    expect(rows).toEqual([{ state: "in_progress", paused: "invalid_api_key" }]);
  });
  // At its deadline it ends like all others, and keeps the lines that are done.
  await pool.query("update batches set deadline_at = now() where id = $1", [id]);
  await eventually(async () => {
    const { rows } = await pool.query("select state, paused from batches where id = $1", [id]);
    expect(rows).toEqual([{ state: "expired", paused: null }]);
  });
  expect(upstream()?.calls).toBe(before);
});

test("each end was told once, to the key's owner", async () => {
  const { rows: ended } = await rig.broker.database.pool.query<{ id: string; state: string }>(
    "select id, state from batches where key_id = $1 order by id",
    [rig.keyId],
  );
  expect(new Set(ended.map(({ state }) => state))).toEqual(
    new Set(["completed", "failed", "expired", "cancelled"]),
  );
  await eventually(() => expect(receiver.received).toHaveLength(ended.length));
  const events = await Promise.all(
    receiver.received.map(({ body, headers }) => rig.client.webhooks.unwrap(body, headers, secret)),
  );
  const announced = events.map(({ type, data }) => ({
    id: (data as { id: string }).id,
    state: type.replace("batch.", ""),
  }));
  expect(announced.toSorted((a, b) => (a.id < b.id ? -1 : 1))).toEqual(ended);
  await rig.settleDown();
});
