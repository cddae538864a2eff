import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { lines, startBatchRig, type BatchRig } from "./batch-rig.ts";

const SLOTS = 2;

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: SLOTS, ttftMs: 150 } },
    models: "  chat: { serve: [{ provider: gpu, model: sim }], max_output_tokens: 64 }",
  });
});
afterAll(() => rig.stop());

test("callers go before every line that does not run yet, and lines take every other slot", async () => {
  const { client, broker } = rig;
  const { id } = await rig.submit(lines(40));
  await eventually(async () => {
    expect((await rig.batch(id)).request_counts?.completed).toBeGreaterThan(0);
  });
  for (let calls = 0; calls < 8; calls++)
    await client.chat.completions.create({
      model: "chat",
      messages: [{ role: "user", content: "now" }],
      max_tokens: 8,
    });
  const batch = await rig.until(id, "completed");
  expect(batch.request_counts).toEqual({ total: 40, completed: 40, failed: 0 });
  const { rows } = await broker.database.pool.query<{ before: bigint; after: bigint }>(
    `with run as (
       select j.id, j.batch_id, j.accepted_at,
         l.created_at - l.total_ms * interval '1 ms' as started_at
       from jobs j join ledger l on l.job_id = j.id
     )
     select count(line.id) filter (
         where line.started_at > caller.accepted_at and line.started_at < caller.started_at
       ) as before,
       count(line.id) filter (
         where line.accepted_at < caller.accepted_at and line.started_at > caller.started_at
       ) as after
     from run caller join run line on line.batch_id is not null
     where caller.batch_id is null group by caller.id`,
  );
  expect(rows).toHaveLength(8);
  // 16 lines wait; only those can start first that the slots took while the caller was on its way
  // to the queue.
  for (const { before } of rows) expect(before).toBeLessThanOrEqual(BigInt(2 * SLOTS));
  // The lines that waited before the callers came still had to wait for the first of them.
  expect(rows.some(({ after }) => after > 5n)).toBe(true);
  expect(broker.upstreams["gpu"]?.counters().highWater).toBe(SLOTS);
  await rig.settleDown();
});
