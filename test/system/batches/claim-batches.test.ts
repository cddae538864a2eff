import type { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { claimBatches } from "../../../shared/batches/claim-batches.ts";
import { GuardedPool } from "../../../shared/postgres/guarded-pool.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = new GuardedPool({ connectionString: database.url, max: 2 }, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function claimed(worker: string, after = "", page = 10): Promise<string[]> {
  return (await claimBatches(pool, worker, after, page)).map(({ id }) => id);
}

const change = (id: string, set: string): Promise<unknown> =>
  pool.query(`update batches set ${set} where id = $1`, [id]);

test("a paused batch takes nobody's turn until it is tried again, is cancelled or its time is up", async () => {
  await pool.query(
    `insert into batches (id, key_id, endpoint, input_file_id, completion_window, residency,
       overflow, state, deadline_at, urgent_at)
     select id, 'key', 'chat.completions', 'file', '24h', 'any', false, 'in_progress',
       now() + interval '1 day', now() + interval '1 day'
     from unnest(array['a', 'b', 'c', 'd']) as id`,
  );
  expect(await claimed("one", "", 2)).toEqual(["a", "b"]);
  expect(await claimed("one", "b", 2)).toEqual(["c", "d"]);
  expect(await claimed("two")).toEqual([]);
  for (const id of ["a", "b", "c"])
    await change(id, "paused = 'max_cost_usd', feed_at = now() + interval '1 min'");
  expect(await claimed("one")).toEqual(["d"]);
  await change("a", "feed_at = now()");
  await change("b", "state = 'cancelling'");
  expect(await claimed("one")).toEqual(["a", "b", "d"]);
  await change("c", "deadline_at = now()");
  expect(await claimed("one")).toEqual(["a", "b", "c", "d"]);
});
