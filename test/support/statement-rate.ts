import { setTimeout as sleep } from "node:timers/promises";
import type { Pool } from "pg";

const WINDOW_MS = 4_000;

/**
 * Returns how many statements, failed ones included, a database of its own has run per second, on
 * average.
 */
export async function statementRate(pool: Pick<Pool, "query">): Promise<number> {
  const read = async (): Promise<{ count: number; ms: number }> => {
    const { rows } = await pool.query<{ count: number; ms: number }>(
      `select (xact_commit + xact_rollback)::float8 as count,
         extract(epoch from clock_timestamp())::float8 * 1000 as ms
       from pg_stat_database where datname = current_database()`,
    );
    return rows[0] ?? { count: 0, ms: 0 };
  };
  const before = await read();
  await sleep(WINDOW_MS);
  const after = await read();
  return ((after.count - before.count) * 1_000) / (after.ms - before.ms);
}
