import type { Pool } from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { forgetBatchLines } from "../../../shared/batches/forget-batch-lines.ts";
import { GuardedPool } from "../../../shared/postgres/guarded-pool.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  // The test needs one connection, since PostgreSQL counts rows for each connection.
  pool = new GuardedPool({ connectionString: database.url, max: 1 }, () => undefined);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** With null the batch is live, otherwise it ended this many minutes ago. */
async function batch(id: string, lines: number, endedMin: number | null): Promise<void> {
  await pool.query(
    `insert into batches (id, key_id, endpoint, input_file_id, completion_window, residency,
       overflow, deadline_at, urgent_at, state, ended_at)
     values ($1, 'key', 'chat.completions', 'file', '24h', 'any', false, now(), now(),
       case when $2::integer is null then 'in_progress' else 'completed' end,
       now() - $2 * interval '1 min')`,
    [id, endedMin],
  );
  await pool.query(
    `insert into batch_lines (batch_id, line, custom_id, start, length, model, job_id, state)
     select $1, n, n::text, 0, 1, 'chat', $1 || n, 'done' from generate_series(1, $2) as n`,
    [id, lines],
  );
}

async function left(): Promise<unknown> {
  const { rows } = await pool.query(
    "select batch_id, count(*)::integer as lines from batch_lines group by 1 order by 1",
  );
  return rows;
}

/** Counts the rows of lines that this connection has read and not yet reported. */
async function seen(): Promise<number> {
  const { rows } = await pool.query<{ seen: number }>(
    `select (seq_tup_read + idx_tup_fetch)::integer as seen from pg_stat_xact_user_tables
     where relname = 'batch_lines'`,
  );
  return rows[0]?.seen ?? 0;
}

test("lines of batches that ended an hour ago go in pages, and no others are looked at", async () => {
  await batch("live", 5_000, null);
  await batch("late", 30, 50);
  await batch("old", 250, 90);
  await batch("older", 120, 100);
  await batch("oldest", 0, 200);
  await pool.query("analyze batches, batch_lines");
  expect(await forgetBatchLines(pool, 200)).toBe(200);
  expect(await left()).toEqual([
    { batch_id: "late", lines: 30 },
    { batch_id: "live", lines: 5_000 },
    { batch_id: "old", lines: 172 },
  ]);
  expect(await forgetBatchLines(pool, 200)).toBe(173);
  await pool.query("begin");
  const before = await seen();
  expect(await forgetBatchLines(pool, 200)).toBe(0);
  expect(await seen()).toBe(before);
  await pool.query("commit");
  expect(await left()).toEqual([
    { batch_id: "late", lines: 30 },
    { batch_id: "live", lines: 5_000 },
  ]);
});
