import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { line, lines, startBatchRig, type BatchRig } from "./batch-rig.ts";

const LINES = 300;

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: 4 }, fine: { slots: 4 } },
    models: `
  chat: { serve: [{ provider: gpu, model: sim }] }
  poison: { serve: [{ provider: gpu, model: poison }] }
  both: { serve: [{ provider: gpu, model: sim }, { provider: fine, model: sim }] }`,
  });
});
afterAll(() => rig.stop());

const gpu = () => rig.broker.upstreams["gpu"];

test("an engine that only fails for a while costs a batch no line", async () => {
  gpu()?.setFault({ type: "status", status: 503 });
  const { id } = await rig.submit(lines(LINES));
  await eventually(async () => {
    expect((await rig.batch(id)).paused).toMatchObject({ reason: "no_capacity" });
  }, 20_000);
  // Only the lines of the first windows, and the few that tried the provider later, were sent.
  expect(gpu()?.counters().calls).toBeLessThan(LINES);
  gpu()?.setFault(null);
  const batch = await rig.until(id, "completed");
  expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 });
  await rig.settleDown();
});

test("a line that a well provider fails is tried a few times, and then is an error", async () => {
  gpu()?.setFault({ type: "status", status: 500, match: "poison" });
  const { id } = await rig.submit([...lines(30), line("poison", { model: "poison" })]);
  const batch = await rig.until(id, "completed");
  expect(batch.request_counts).toEqual({ total: 31, completed: 30, failed: 1 });
  expect(await rig.results(batch.error_file_id)).toMatchObject([
    { custom_id: "poison", response: { status_code: 502, body: { error: {} } } },
  ]);
  gpu()?.setFault(null);
});

test("lines go to another provider meanwhile", async () => {
  gpu()?.setFault({ type: "status", status: 500 });
  const { id } = await rig.submit(lines(60, { model: "both" }));
  const batch = await rig.until(id, "completed");
  expect(batch.request_counts).toEqual({ total: 60, completed: 60, failed: 0 });
  gpu()?.setFault(null);
  await rig.settleDown();
});
