import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { lines, startBatchRig, type BatchRig } from "./batch-rig.ts";

/** A feeder looks at fewer batches than this in one round. */
const STUCK = 90;

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: 4, price: { input: 1, output: 1 } } },
    models: "  chat: { serve: [{ provider: gpu, model: sim }], max_output_tokens: 64 }",
  });
});
afterAll(() => rig.stop());

test("batches that cannot go on keep none from its turn, however many they are", async () => {
  const metadata = { max_cost_usd: "0.000000001" };
  const input = await rig.upload(`${lines(1).join("\n")}\n`);
  const batchFields = { endpoint: "/v1/chat/completions", completion_window: "24h" } as const;
  const stuck = await Promise.all(
    Array.from({ length: STUCK }, () =>
      rig.client.batches.create({ input_file_id: input, metadata, ...batchFields }),
    ),
  );
  const { id } = await rig.submit(lines(20));
  const batch = await rig.until(id, "completed");
  expect(batch.request_counts).toEqual({ total: 20, completed: 20, failed: 0 });
  // One that found no free place at first meets its cap when it is tried again.
  await eventually(async () => {
    const { paused } = await rig.batch(stuck[0]?.id ?? "");
    expect(paused).toMatchObject({ reason: "max_cost_usd" });
  });
  await Promise.all(stuck.map((other) => rig.client.batches.cancel(other.id)));
  for (const other of stuck) await rig.until(other.id, "cancelled");
  await rig.settleDown();
});
