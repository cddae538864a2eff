import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

/** Drops a page of lines of batches that have ended. Returns how many rows went or changed. */
export async function forgetBatchLines(pool: Pick<Pool, "query">, page: number): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>(
    preparedStatement("forget_batch_lines", "select forget_batch_lines($1) as gone", [page]),
  );
  return rows[0]?.gone ?? 0;
}
