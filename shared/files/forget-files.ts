import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/**
 * Removes a page of rows of files that were deleted, have expired, or were being uploaded by a
 * process that died. Returns how many rows of chunks and files went.
 */
export async function forgetFiles(pool: Pick<Pool, "query">, page: number): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>(
    statement("forget_files", "select purge_files($1) as gone", [page]),
  );
  return rows[0]?.gone ?? 0;
}
