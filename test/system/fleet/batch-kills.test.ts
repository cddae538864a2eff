import { afterAll, beforeAll, expect, test } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startAcceptedFleet, type AcceptedFleet } from "./accepted-fleet.ts";
import { runBatchStorm } from "./batch-storm.ts";

const LINES = Number(process.env["STORM_LINES"] ?? 360);
const EVERY_MS = Number(process.env["STORM_EVERY_MS"] ?? 1_600);

let rig: AcceptedFleet;
beforeAll(async () => {
  const provider = { slots: 8, ttftMs: 400 };
  rig = await startAcceptedFleet({
    providers: { "gpu-a": provider, "gpu-b": provider },
    models:
      "  chat: { serve: [{ provider: gpu-a, model: a }, { provider: gpu-b, model: b }], max_attempts: 10 }",
  });
});
afterAll(() => rig.stop());

test("a batch has each of its lines exactly once, whatever dies meanwhile", async () => {
  const { fleet, redis, key } = rig;
  const { batches, faults } = await runBatchStorm({
    fleet,
    redis,
    key,
    lines: LINES,
    everyMs: EVERY_MS,
    kinds: 3,
  });
  console.log(
    faults,
    batches.map(({ batch }) => batch.request_counts),
  );
  for (const { batch, output, errors } of batches) {
    expect(batch.status).toBe("completed");
    expect(errors).toEqual([]);
    expect(output.map((result) => result.custom_id)).toEqual(
      Array.from({ length: LINES }, (_, index) => `r${index}`),
    );
    expect(batch.request_counts).toEqual({ total: LINES, completed: LINES, failed: 0 });
  }
  expect(Object.keys(faults).length).toBeGreaterThanOrEqual(3);
  await eventually(async () => expect(await findDifferences(rig)).toEqual([]), 30_000, 250);
  const { rows } = await rig.database.pool.query<{ jobs: bigint }>(
    "select count(*) as jobs from jobs",
  );
  expect(rows).toEqual([{ jobs: BigInt(LINES * batches.length) }]);
});
