import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { lines, startBatchRig, type BatchRig } from "./batch-rig.ts";

/** A line costs $0.000008 at most. */
const ENOUGH = { budget: { limit_usd: "1", period: "total" } };

let rig: BatchRig;
beforeAll(async () => {
  rig = await startBatchRig(
    {
      providers: { gpu: { slots: 2, ttftMs: 50, price: { input: 0, output: 1 } } },
      models: "  chat:\n    serve: [{ provider: gpu, model: sim }]",
    },
    ENOUGH,
  );
});
afterAll(() => rig.stop());

const patch = (fields: object) => rig.broker.admin("PATCH", `/admin/keys/${rig.keyId}`, fields);

const expireAt = (time: string) =>
  rig.broker.database.pool.query(`update keys set expires_at = ${time} where id = $1`, [rig.keyId]);

/** The test asks the database, since the key may not be allowed to ask the API. */
async function pausedFor(id: string): Promise<string | null> {
  const { rows } = await rig.broker.database.pool.query<{ paused: string | null }>(
    "select paused from batches where id = $1",
    [id],
  );
  return rows[0]?.paused ?? null;
}

test.each([
  [
    "insufficient_quota",
    "a budget that falls below what is held",
    () => patch({ budget: { limit_usd: "0" } }),
    () => patch(ENOUGH),
  ],
  ["invalid_api_key", "a key that expires", () => expireAt("now()"), () => expireAt("null")],
])("%s: %s pauses a batch, and costs no line its answer", async (reason, _, take, give) => {
  const { id } = await rig.submit(lines(30));
  await eventually(async () => {
    const { rows } = await rig.broker.database.pool.query(
      "select 1 from batch_lines where batch_id = $1 and state = 'done'",
      [id],
    );
    expect(rows.length).toBeGreaterThan(1);
  });
  await take();
  await eventually(async () => expect(await pausedFor(id)).toBe(reason));
  await give();
  const batch = await eventually(() => rig.until(id, "completed"));
  expect(batch.request_counts).toEqual({ total: 30, completed: 30, failed: 0 });
  expect(await rig.results(batch.error_file_id)).toEqual([]);
  await rig.settleDown();
});
