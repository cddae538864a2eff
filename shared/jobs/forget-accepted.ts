import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/**
 * Drops a page of stored jobs and idempotency keys whose retention is over, and returns how many.
 */
export async function forgetAccepted(
  pool: Pick<Pool, "query">,
  retentionMs: number,
  page: number,
): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>(
    statement("forget_accepted", "select forget_accepted($1, $2) as gone", [retentionMs, page]),
  );
  return rows[0]?.gone ?? 0;
}
