import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { lines, startBatchRig, type BatchRig } from "./batch-rig.ts";

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: {
      free: { slots: 4 },
      // A line costs $0.008 there.
      dear: { slots: 8, location: "cloud", price: { input: 0, output: 1_000 } },
    },
    models: `
  chat:
    serve: [{ provider: free, model: sim }]
    overflow: [{ provider: dear, model: sim }]
    overflow_when: { failed: true }
    max_output_tokens: 64`,
  });
});
afterAll(() => rig.stop());

const calls = (name: string): number => rig.broker.upstreams[name]?.counters().calls ?? 0;

test("a line that fails where it is free, and cannot be paid for elsewhere, is not run over and over", async () => {
  rig.broker.upstreams["free"]?.setFault({ type: "status", status: 500 });
  const metadata = { max_cost_usd: "0.007", overflow: "if_saturated" };
  const { id } = await rig.submit(lines(2), { metadata });
  // One that found no free place at first meets its cap when it is tried again.
  await eventually(async () => {
    const { paused } = await rig.batch(id);
    expect(paused).toMatchObject({
      reason: "max_cost_usd",
      message:
        "The budget of this batch has $0.007 of $0.007 left, and this request may cost $0.008. It does not reset.",
    });
  });
  // In this time a paused batch is tried again: it is after two seconds.
  await sleep(2_500);
  expect(calls("free")).toBe(2);
  expect(calls("dear")).toBe(0);
  await rig.client.post(`/batches/${id}`, { body: { metadata: { max_cost_usd: "0.016" } } });
  const batch = await rig.until(id, "completed");
  expect(batch).toMatchObject({
    cost: { amount: "0.016" },
    request_counts: { total: 2, completed: 2, failed: 0 },
  });
  expect(calls("free")).toBe(4);
  expect(calls("dear")).toBe(2);
  await rig.settleDown();
});

test("a cap is told to the nano-dollar", async () => {
  const { id } = await rig.submit(lines(1), { metadata: { max_cost_usd: "0.000000001" } });
  const max_cost_usd = "123456789.123456789";
  const { metadata } = await rig.client.post<{ metadata: object }>(`/batches/${id}`, {
    body: { metadata: { max_cost_usd } },
  });
  expect(metadata).toEqual({ max_cost_usd });
  await rig.until(id, "completed");
});
