import { toFile } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { line, lines, startBatchRig, type BatchRig, type ShownBatch } from "./batch-rig.ts";

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: 4 }, slow: { slots: 1, tokensPerSecond: 20 } },
    models: `
  chat: { serve: [{ provider: gpu, model: sim }] }
  slow: { serve: [{ provider: slow, model: sim }] }`,
  });
});
afterAll(() => rig.stop());

/** A token of these lines takes a twentieth of a second. */
const slow = (id: string, tokens: number): string =>
  line(id, {
    body: { model: "slow", messages: [{ role: "user", content: `[sim output=${tokens}]` }] },
  });

const batchFields = { endpoint: "/v1/chat/completions", completion_window: "24h" } as const;

async function call(
  method: string,
  path: string,
  { key = rig.key, body, headers }: { key?: string; body?: object; headers?: object } = {},
) {
  const response = await fetch(`${rig.broker.baseUrl}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

test("the times of a batch are in order, and what did not happen has none", async () => {
  const { id } = await rig.submit(lines(3), { completion_window: "36h" as "24h" });
  const batch = await rig.until(id, "completed");
  const times = [batch.created_at, batch.in_progress_at, batch.finalizing_at, batch.completed_at];
  expect(times).toEqual(times.map(Number).toSorted((a, b) => a - b));
  expect(batch).toMatchObject({
    object: "batch",
    ...batchFields,
    completion_window: "36h",
    expires_at: batch.created_at + 36 * 3_600,
    model: "chat",
    errors: null,
    metadata: null,
    paused: null,
    failed_at: null,
    expired_at: null,
    cancelling_at: null,
    cancelled_at: null,
    error_file_id: null,
    request_counts: { total: 3, completed: 3, failed: 0 },
  });
  expect(await rig.batch(id)).toEqual(batch);
});

test("batches are listed page by page, the newest first", async () => {
  const made: string[] = [];
  for (let at = 0; at < 3; at++) made.push((await rig.submit(lines(1))).id);
  const listed: string[] = [];
  for await (const batch of rig.client.batches.list({ limit: 2 })) listed.push(batch.id);
  expect(listed.slice(0, 3)).toEqual(made.toReversed());
  expect(new Set(listed).size).toBe(listed.length);
  const page = await call("GET", `/batches?limit=1&after=${made[2]}`);
  expect(page.body).toMatchObject({
    object: "list",
    first_id: made[1],
    last_id: made[1],
    has_more: true,
    data: [{ id: made[1], object: "batch" }],
  });
  await Promise.all(made.map((id) => rig.until(id, "completed")));
});

test("metadata come back as they were given", async () => {
  const metadata = { note: "a\u0001é😀", ["x".repeat(64)]: "y".repeat(512), overflow: "never" };
  const batch = await rig.submit(lines(1), { metadata });
  expect(batch.metadata).toEqual(metadata);
  expect((await rig.until(batch.id, "completed")).metadata).toEqual(metadata);
});

test("one Idempotency-Key makes one batch", async () => {
  const body = { input_file_id: await rig.upload(lines(1).join("\n")), ...batchFields };
  const create = (fields: object = {}) =>
    call("POST", "/batches", {
      body: { ...body, ...fields },
      headers: { "idempotency-key": "once" },
    });
  const answers = await Promise.all([create(), create(), create()]);
  const ids = new Set(answers.map((answer) => answer.body["id"] as string));
  expect(ids.size).toBe(1);
  const replayed = answers.map((answer) => answer.headers.get("idempotent-replayed"));
  expect(replayed.filter((header) => header === null)).toHaveLength(1);
  expect(await create({ completion_window: "2h" })).toMatchObject({
    status: 422,
    body: { error: { code: "idempotency_conflict" } },
  });
  for (const id of ids) await rig.until(id, "completed");
});

test("a batch goes on when its input file is deleted, which nobody sees any more", async () => {
  const calls = rig.broker.upstreams["gpu"]?.counters().calls ?? 0;
  const batch = await rig.submit(lines(120));
  await rig.client.files.delete(batch.input_file_id);
  await expect(rig.client.files.retrieve(batch.input_file_id)).rejects.toMatchObject({
    status: 404,
  });
  expect(rig.broker.upstreams["gpu"]?.counters().calls).toBeLessThan(calls + 120);
  const { request_counts: counts } = await rig.until(batch.id, "completed");
  expect(counts).toEqual({ total: 120, completed: 120, failed: 0 });
});

test("the files of an ended batch are files as others: listed, expiring, deletable", async () => {
  const input = [line("a"), line("b", { model: "none" })];
  const kept = await rig.submit(input);
  const short = await rig.submit(input, {
    output_expires_after: { anchor: "created_at", seconds: 3_600 },
  });
  for (const [{ id }, seconds] of [
    [kept, 30 * 24 * 3_600],
    [short, 3_600],
  ] as const) {
    const { output_file_id: output, error_file_id: errors } = await rig.until(id, "completed");
    const listed = await Array.fromAsync(rig.client.files.list({ purpose: "batch_output" }));
    for (const [file, name] of [
      [output, `${id}_output.jsonl`],
      [errors, `${id}_error.jsonl`],
    ] as const) {
      const shown = listed.find((each) => each.id === file);
      const content = await (await rig.client.files.content(file ?? "")).text();
      expect(shown).toMatchObject({
        filename: name,
        purpose: "batch_output",
        status: "processed",
        bytes: Buffer.byteLength(content),
      });
      expect(shown?.expires_at).toBe((shown?.created_at ?? 0) + seconds);
    }
    await rig.client.files.delete(output ?? "");
    await expect(rig.client.files.content(output ?? "")).rejects.toMatchObject({ status: 404 });
    // The batch still names the deleted file.
    expect(await rig.batch(id)).toMatchObject({ output_file_id: output, error_file_id: errors });
  }
});

test("a batch that runs shows no file yet", async () => {
  const { id } = await rig.submit([line("a"), slow("b", 30)]);
  const running = await eventually(async () => {
    const batch = await rig.batch(id);
    expect(batch.request_counts).toMatchObject({ completed: 1 });
    return batch;
  });
  expect(running).toMatchObject({
    status: "in_progress",
    output_file_id: null,
    error_file_id: null,
  });
  const { rows } = await rig.broker.database.pool.query<{ id: string }>(
    "select output_file_id as id from batches where id = $1",
    [id],
  );
  const hidden = rows[0]?.id ?? "";
  await expect(rig.client.files.retrieve(hidden)).rejects.toMatchObject({ status: 404 });
  const listed = await Array.fromAsync(rig.client.files.list());
  expect(listed.map((file) => file.id)).not.toContain(hidden);
  expect((await rig.until(id, "completed")).output_file_id).toBe(hidden);
});

test("two tenants side by side see nothing of each other", async () => {
  const { key } = await rig.broker.key();
  const other = rig.clientOf(key);
  const file = await toFile(Buffer.from(lines(2).join("\n")), "input.jsonl");
  const theirFile = await other.files.create({ file, purpose: "batch" });
  const [mine, theirs] = await Promise.all([
    rig.submit(lines(2)),
    other.batches.create({ input_file_id: theirFile.id, ...batchFields }),
  ]);
  const { output_file_id: output } = await rig.until(mine.id, "completed");
  const [result] = await rig.results(output);
  await eventually(async () => {
    expect((await other.batches.retrieve(theirs.id)).status).toBe("completed");
  });
  expect((await Array.fromAsync(other.batches.list())).map((each) => each.id)).toEqual([theirs.id]);
  const ownIds = (await Array.fromAsync(rig.client.batches.list())).map((each) => each.id);
  expect(ownIds).not.toContain(theirs.id);
  const none = `batch_${"0".repeat(32)}`;
  const body = { metadata: { max_cost_usd: "1" } };
  for (const [method, path, sent] of [
    ["GET", `/batches/${mine.id}`, undefined],
    ["POST", `/batches/${mine.id}`, body],
    ["POST", `/batches/${mine.id}/cancel`, undefined],
  ] as const) {
    const asked = await call(method, path, { key, ...(sent && { body: sent }) });
    const unknown = await call(method, path.replace(mine.id, none), {
      key,
      ...(sent && { body: sent }),
    });
    const answer = JSON.stringify(asked.body).replaceAll(mine.id, none);
    expect([asked.status, answer]).toEqual([404, JSON.stringify(unknown.body)]);
  }
  for (const path of [`/files/${output}`, `/jobs/${result?.response?.request_id}`])
    expect((await call("GET", path, { key })).status).toBe(404);
  expect((await call("GET", `/jobs?batch_id=${mine.id}`, { key })).body["data"]).toEqual([]);
});

test("lines over many pieces of their file are read whole", async () => {
  const sizes = [1, 260_000, 5, 400_000, 1_000_000, 2];
  const bodies = sizes.map((size, at) => ({
    model: "chat",
    messages: [{ role: "user", content: `[sim output=1] ${"aé😀"[at % 3]}${"é".repeat(size)}` }],
  }));
  const { id } = await rig.submit(bodies.map((body, at) => line(`r${at}`, { body })));
  const batch = await rig.until(id, "completed");
  const results = await rig.results(batch.output_file_id);
  expect(results.map((result) => result.custom_id)).toEqual(sizes.map((_, at) => `r${at}`));
  for (const [at, body] of bodies.entries()) {
    const direct = await call("POST", "/chat/completions", { body });
    expect(results[at]?.response?.body["usage"]).toEqual(direct.body["usage"]);
  }
});

/**
 * Waits until this many lines have jobs, and returns the ids of these in the order of the lines.
 */
async function jobsOf(batch: ShownBatch, count: number): Promise<string[]> {
  return await eventually(async () => {
    const { rows } = await rig.broker.database.pool.query<{ job_id: string }>(
      "select job_id from batch_lines where batch_id = $1 and state = 'open' order by line",
      [batch.id],
    );
    expect(rows).toHaveLength(count);
    return rows.map((row) => row.job_id);
  });
}

test("jobs of lines are cancelled and deleted as others, and their lines say so", async () => {
  const ids = ["runs", "waits", "deleted", "stays"];
  const batch = await rig.submit(ids.map((id) => slow(id, id === "stays" ? 1 : 4_000)));
  const jobs = await jobsOf(batch, 4);
  await eventually(() => expect(rig.broker.upstreams["slow"]?.counters().running).toBe(1));
  for (const job of jobs.slice(1, 2)) await call("POST", `/jobs/${job}/cancel`);
  expect((await call("DELETE", `/jobs/${jobs[2]}`)).status).toBe(200);
  expect((await call("GET", `/jobs/${jobs[2]}`)).status).toBe(404);
  await call("POST", `/jobs/${jobs[0]}/cancel`);
  const ended = await rig.until(batch.id, "completed");
  expect(ended.request_counts).toEqual({ total: 4, completed: 1, failed: 3 });
  expect((await rig.results(ended.output_file_id)).map((each) => each.custom_id)).toEqual([
    "stays",
  ]);
  const errors = await rig.results(ended.error_file_id);
  expect(errors.map((each) => [each.custom_id, each.error?.code])).toEqual([
    ["runs", "batch_cancelled"],
    ["waits", "batch_cancelled"],
    ["deleted", "batch_cancelled"],
  ]);
});

test("an answer that its owner deletes before it is written is told as lost", async () => {
  const batch = await rig.submit([slow("first", 20), line("second")]);
  const job = await eventually(async () => {
    const { rows } = await rig.broker.database.pool.query<{ job_id: string }>(
      "select job_id from batch_lines where batch_id = $1 and line = 2 and state = 'done'",
      [batch.id],
    );
    expect(rows).toHaveLength(1);
    return rows[0]?.job_id;
  });
  expect((await call("DELETE", `/jobs/${job}`)).status).toBe(200);
  const ended = await rig.until(batch.id, "completed");
  const output = await rig.results(ended.output_file_id);
  const errors = await rig.results(ended.error_file_id);
  expect(ended.request_counts).toEqual({ total: 2, completed: 1, failed: 1 });
  expect(output.map((result) => result.custom_id)).toEqual(["first"]);
  expect(errors).toMatchObject([
    {
      custom_id: "second",
      response: { status_code: 502, body: { error: { code: "answer_lost" } } },
    },
  ]);
});

test("nothing is left over", () => rig.settleDown());
