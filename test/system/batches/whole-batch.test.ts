import { afterAll, beforeAll, expect, test } from "vitest";
import { lines, startBatchRig, type BatchRig } from "./batch-rig.ts";

let rig: BatchRig;

beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: 8, ttftMs: 5 } },
    models: "  chat: { serve: [{ provider: gpu, model: sim }], max_output_tokens: 64 }",
  });
});
afterAll(() => rig.stop());

test("a batch runs from its file to its results", async () => {
  const created = await rig.submit(lines(100, { text: "Grüße, 世界 😀 [sim echo]" }));
  expect(created).toMatchObject({ object: "batch", status: "validating" });
  const batch = await rig.until(created.id, "completed");
  expect(batch.request_counts).toEqual({ total: 100, completed: 100, failed: 0 });
  const results = await rig.results(batch.output_file_id);
  expect(results.map((result) => result.custom_id)).toEqual(
    Array.from({ length: 100 }, (_, index) => `r${index}`),
  );
  for (const { response } of results)
    expect(JSON.stringify(response?.body)).toContain("Grüße, 世界 😀");
  await rig.settleDown();
});
