import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

/** Drops a page of lines of ended batches. Returns how many rows were deleted or changed. */
export async function forgetBatchLines(pool: Pick<Pool, "query">, page: number): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>(
    preparedStatement("forget_batch_lines", "select forget_batch_lines($1) as gone", [page]),
  );
  return rows[0]?.gone ?? 0;
}
