import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { lines, startBatchRig, type BatchRig } from "./batch-rig.ts";

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig({
    providers: { gpu: { slots: 4 } },
    models: "  chat: { serve: [{ provider: gpu, model: sim }], max_output_tokens: 64 }",
  });
});
afterAll(() => rig.stop());

test("a statement that does not work for a while costs no line its answer", async () => {
  const { pool } = rig.broker.database;
  // Each call of the false function counts itself and fails.
  await pool.query("create sequence asked");
  await pool.query("alter function accept_jobs(jsonb) rename to accept_jobs_away");
  await pool.query(
    `create function accept_jobs(members jsonb) returns setof jobs language plpgsql as $$
     begin perform nextval('asked'); perform no_such_function(); end $$`,
  );
  const { id } = await rig.submit(lines(3));
  await eventually(async () => {
    const { rows } = await pool.query<{ asked: bigint }>("select last_value as asked from asked");
    expect(rows[0]?.asked).toBeGreaterThan(10n);
  });
  await pool.query("drop function accept_jobs(jsonb)");
  await pool.query("alter function accept_jobs_away(jsonb) rename to accept_jobs");
  const batch = await rig.until(id, "completed");
  expect(batch.request_counts).toEqual({ total: 3, completed: 3, failed: 0 });
  await rig.settleDown();
});
