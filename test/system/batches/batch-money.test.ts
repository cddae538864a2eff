import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { line, lines, startBatchRig, type BatchRig, type ShownBatch } from "./batch-rig.ts";

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    // A token costs $0.001, and a line of `lines` exactly eight of them.
    providers: {
      gpu: { slots: 16, price: { input: 0, output: 1_000 } },
      slow: { slots: 1, price: { input: 0, output: 1_000 }, tokensPerSecond: 20 },
    },
    models: `
  chat: { serve: [{ provider: gpu, model: sim }], max_output_tokens: 64 }
  slow: { serve: [{ provider: slow, model: sim }], max_output_tokens: 64 }`,
  });
});
afterAll(() => rig.stop());

const calls = (): number => rig.broker.upstreams["gpu"]?.counters().calls ?? 0;

/**
 * Waits until a batch is paused with this many lines done, and returns it. One that found no free
 * place at first meets its limit when it is tried again.
 */
async function untilPaused(id: string, completed: number): Promise<ShownBatch> {
  return await eventually(async () => {
    const batch = await rig.batch(id);
    expect(batch.paused).not.toBeNull();
    expect(batch.paused?.reason).not.toBe("no_capacity");
    expect(batch.request_counts).toMatchObject({ completed, failed: 0 });
    return batch;
  });
}

function budget(usd: string): Promise<unknown> {
  return rig.broker.admin("PATCH", `/admin/keys/${rig.keyId}`, {
    budget: { limit_usd: usd, period: "total" },
  });
}

async function settled(): Promise<unknown> {
  const key = await rig.broker.admin<{ budget: object }>("GET", `/admin/keys/${rig.keyId}`);
  return key.budget;
}

test("a spent budget pauses a batch, and a raised one lets it go on", async () => {
  await budget("0");
  const { id } = await rig.submit(lines(12));
  const none = await untilPaused(id, 0);
  expect(none).toMatchObject({
    status: "in_progress",
    paused: {
      reason: "insufficient_quota",
      message:
        "The budget of this API key has $0 of $0 left, and this request may cost $0.008. It does not reset.",
    },
    cost: { amount: "0" },
  });
  expect(calls()).toBe(0);
  await budget("0.045");
  const some = await untilPaused(id, 5);
  expect(some.paused).toMatchObject({
    reason: "insufficient_quota",
    message:
      "The budget of this API key has $0.005 of $0.045 left, and this request may cost $0.008. It does not reset.",
  });
  expect(some.cost).toEqual({ amount: "0.04", currency: "usd" });
  expect(calls()).toBe(5);
  expect(await settled()).toMatchObject({ settled_usd: "0.04", held_usd: "0" });
  await budget("1");
  const batch = await rig.until(id, "completed");
  expect(batch).toMatchObject({ paused: null, cost: { amount: "0.096" } });
  expect(calls()).toBe(12);
  await rig.settleDown();
});

test("batches side by side never pass their key's budget", async () => {
  // The budget has already paid twelve lines; it can pay 10 of these 20.
  await budget("0.18");
  const before = calls();
  const { id: one } = await rig.submit(lines(10));
  const { id: other } = await rig.submit(lines(10));
  await eventually(async () => {
    const both = await Promise.all([rig.batch(one), rig.batch(other)]);
    const done = both.reduce((sum, batch) => sum + (batch.request_counts?.completed ?? 0), 0);
    expect(done).toBe(10);
    for (const batch of both)
      expect(batch.paused !== null || batch.status === "completed").toBe(true);
  });
  expect(calls() - before).toBe(10);
  expect(await settled()).toMatchObject({ settled_usd: "0.176", held_usd: "0" });
  await budget("10");
  // This brings the next try forward to now.
  await rig.broker.database.pool.query("update batches set feed_at = now()");
  for (const id of [one, other]) expect((await rig.until(id, "completed")).paused).toBeNull();
  await rig.settleDown();
});

test("a batch's own cap holds exactly, and can be raised", async () => {
  const before = calls();
  const { id } = await rig.submit(lines(40), { metadata: { max_cost_usd: "0.031", note: "n" } });
  const paused = await untilPaused(id, 3);
  expect(paused.paused).toMatchObject({
    reason: "max_cost_usd",
    message:
      "The budget of this batch has $0.007 of $0.031 left, and this request may cost $0.008. It does not reset.",
  });
  expect(paused.cost.amount).toBe("0.024");
  expect(calls() - before).toBe(3);
  const raise = (usd: string) =>
    rig.client.post<ShownBatch>(`/batches/${id}`, { body: { metadata: { max_cost_usd: usd } } });
  // The cap is below the money already spent: nothing more runs.
  expect((await raise("0.001")).metadata).toEqual({ max_cost_usd: "0.001", note: "n" });
  expect((await raise("0.04")).metadata).toEqual({ max_cost_usd: "0.04", note: "n" });
  await untilPaused(id, 5);
  expect(calls() - before).toBe(5);
  await raise("0.5");
  const batch = await rig.until(id, "completed");
  expect(batch).toMatchObject({
    paused: null,
    cost: { amount: "0.32" },
    request_counts: { total: 40, completed: 40, failed: 0 },
  });
  await expect(raise("9")).rejects.toMatchObject({ status: 400, param: "metadata.max_cost_usd" });
  await rig.settleDown();
});

test("what is held and not spent is there for the next lines", async () => {
  // Each line holds $0.064 and costs $0.008: $0.1 can pay five, one after the other.
  const body = { model: "chat", messages: [{ role: "user", content: "[sim output=8]" }] };
  const made = Array.from({ length: 8 }, (_, at) => line(`r${at}`, { body }));
  const before = calls();
  const { id } = await rig.submit(made, { metadata: { max_cost_usd: "0.1" } });
  const batch = await untilPaused(id, 5);
  expect(batch).toMatchObject({ cost: { amount: "0.04" }, paused: { reason: "max_cost_usd" } });
  expect(calls() - before).toBe(5);
  await expect(
    rig.client.post(`/batches/${id}`, { body: { metadata: { max_cost_usd: "x" } } }),
  ).rejects.toMatchObject({ status: 400, param: "metadata.max_cost_usd" });
  await rig.client.post(`/batches/${id}`, { body: { metadata: { max_cost_usd: "1" } } });
  await rig.until(id, "completed");
});

function ask(id: string, tokens: number): string {
  const messages = [{ role: "user", content: `[sim output=${tokens}]` }];
  return line(id, { body: { model: "slow", messages } });
}

test("a batch that goes on is not paused any more while it runs", async () => {
  const made = [ask("quick", 1), ask("slow", 20)];
  const { id } = await rig.submit(made, { metadata: { max_cost_usd: "0.064" } });
  await untilPaused(id, 1);
  await rig.client.post(`/batches/${id}`, { body: { metadata: { max_cost_usd: "1" } } });
  await eventually(async () => {
    expect(rig.broker.upstreams["slow"]?.counters().running).toBe(1);
    expect(await rig.batch(id)).toMatchObject({ status: "in_progress", paused: null });
  });
  await rig.until(id, "completed");
});

test("a batch without a cap gets none", async () => {
  const { id } = await rig.submit(lines(1));
  await expect(
    rig.client.post(`/batches/${id}`, { body: { metadata: { max_cost_usd: "1" } } }),
  ).rejects.toMatchObject({ status: 400, param: "metadata.max_cost_usd" });
  await rig.until(id, "completed");
});

test("a batch that is paused expires, and what it did not pay for never runs", async () => {
  const before = calls();
  const { id } = await rig.submit(lines(4), { metadata: { max_cost_usd: "0.008" } });
  await untilPaused(id, 1);
  await rig.broker.database.pool.query("update batches set deadline_at = now() where id = $1", [
    id,
  ]);
  const batch = await rig.until(id, "expired");
  expect(batch).toMatchObject({
    paused: null,
    request_counts: { total: 4, completed: 1, failed: 3 },
    cost: { amount: "0.008" },
  });
  const errors = await rig.results(batch.error_file_id);
  expect(errors.map((result) => [result.custom_id, result.error?.code])).toEqual([
    ["r1", "batch_expired"],
    ["r2", "batch_expired"],
    ["r3", "batch_expired"],
  ]);
  expect(calls() - before).toBe(1);
  await rig.settleDown();
});
