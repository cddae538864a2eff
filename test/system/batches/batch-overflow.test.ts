import { toFile } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { line, startBatchRig, type BatchRig } from "./batch-rig.ts";

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: {
      gpu: { slots: 1, tokensPerSecond: 100 },
      cloud: { slots: 8, location: "cloud" },
    },
    models: `
  chat:
    serve: [{ provider: gpu, model: sim }]
    overflow: [{ provider: cloud, model: sim }]
    overflow_when: { waited: 50ms, failed: true }
    max_attempts: 10
  far: { serve: [{ provider: cloud, model: sim }] }
  local: { serve: [{ provider: gpu, model: sim }] }`,
  });
});
afterAll(() => rig.stop());

const calls = (name: "gpu" | "cloud"): number => rig.broker.upstreams[name]?.counters().calls ?? 0;

/** Each line takes a twentieth of a second of the only local slot. */
const some = (count: number, model = "chat"): string[] =>
  Array.from({ length: count }, (_, at) =>
    line(`r${at}`, {
      body: { model, messages: [{ role: "user", content: "[sim output=6]" }] },
    }),
  );

test("by default a batch waits for its local provider, however busy or faulty that is", async () => {
  rig.broker.upstreams["gpu"]?.setFault({ type: "status", status: 500, times: 1 });
  const { id } = await rig.submit(some(16));
  const { request_counts: counts } = await rig.until(id, "completed");
  expect(counts).toEqual({ total: 16, completed: 16, failed: 0 });
  expect(calls("gpu")).toBe(17);
  expect(calls("cloud")).toBe(0);
});

test("so it does when it says never", async () => {
  const { id } = await rig.submit(some(4), { metadata: { overflow: "never" } });
  await rig.until(id, "completed");
  expect(calls("cloud")).toBe(0);
});

test("what must stay local never overflows, be it the request's wish or the key's", async () => {
  const { key } = await rig.broker.key({ residency: "local" });
  const other = rig.clientOf(key);
  const file = await toFile(Buffer.from(some(8).join("\n")), "input.jsonl");
  const batchFields = {
    endpoint: "/v1/chat/completions",
    completion_window: "24h",
    metadata: { overflow: "if_saturated" },
  } as const;
  const theirs = await other.batches.create({
    input_file_id: (await other.files.create({ file, purpose: "batch" })).id,
    ...batchFields,
  });
  const mine = await rig.client.batches.create(
    { input_file_id: await rig.upload(some(8).join("\n")), ...batchFields },
    { headers: { "x-spillway-residency": "local" } },
  );
  await rig.until(mine.id, "completed");
  await eventually(async () => {
    expect((await other.batches.retrieve(theirs.id)).status).toBe("completed");
  });
  expect(calls("cloud")).toBe(0);
});

test("a line that may stay nowhere local is refused", async () => {
  const { id } = await rig.client.batches.create(
    {
      input_file_id: await rig.upload([...some(1), line("far", { model: "far" })].join("\n")),
      endpoint: "/v1/chat/completions",
      completion_window: "24h",
    },
    { headers: { "x-spillway-residency": "local" } },
  );
  const batch = await rig.until(id, "completed");
  expect(batch.request_counts).toEqual({ total: 2, completed: 1, failed: 1 });
  expect(await rig.results(batch.error_file_id)).toMatchObject([
    {
      custom_id: "far",
      response: {
        status_code: 503,
        body: {
          error: {
            code: "no_capacity",
            message: "The model 'far' has no local provider, and this request must stay local.",
          },
        },
      },
    },
  ]);
  expect(calls("cloud")).toBe(0);
});

test("a batch that may overflow does when it is saturated", async () => {
  const before = calls("gpu");
  const { id } = await rig.submit(some(30), { metadata: { overflow: "if_saturated" } });
  const { request_counts: counts } = await rig.until(id, "completed");
  expect(counts).toEqual({ total: 30, completed: 30, failed: 0 });
  expect(calls("cloud")).toBeGreaterThan(0);
  expect(calls("gpu")).toBeGreaterThan(before);
  expect(calls("cloud") + calls("gpu") - before).toBe(30);
});

test("lines of a batch whose time is nearly up move up a class, and run once", async () => {
  const before = calls("gpu");
  const { pool } = rig.broker.database;
  const { id } = await rig.submit(some(50, "local"));
  await eventually(async () => {
    const { rows } = await pool.query(
      "select from jobs where batch_id = $1 and state = 'waiting' and class = 3",
      [id],
    );
    expect(rows.length).toBeGreaterThan(8);
  });
  await pool.query("update batches set urgent_at = now() where id = $1", [id]);
  await eventually(async () => {
    const { rows } = await pool.query<{ class: number }>(
      "select distinct class from jobs where batch_id = $1 and state = 'waiting'",
      [id],
    );
    expect(rows).toEqual([{ class: 2 }]);
  });
  const { request_counts: counts } = await rig.until(id, "completed");
  expect(counts).toEqual({ total: 50, completed: 50, failed: 0 });
  expect(calls("gpu") - before).toBe(50);
  const { rows } = await pool.query<{ line: number; class: number }>(
    `select l.line, j.class from batch_lines l join jobs j on j.id = l.job_id
     where l.batch_id = $1 and l.line in (1, 50) order by l.line`,
    [id],
  );
  // The last line had no job at that time.
  expect(rows).toEqual([
    { line: 1, class: 3 },
    { line: 50, class: 2 },
  ]);
  await rig.settleDown();
});
