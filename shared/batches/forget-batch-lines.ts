import type { Pool } from "pg";

/** Drops a page of lines of batches that have ended. Returns how many rows went or changed. */
export async function forgetBatchLines(pool: Pick<Pool, "query">, page: number): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>({
    name: "forget_batch_lines",
    text: "select forget_batch_lines($1) as gone",
    values: [page],
  });
  return rows[0]?.gone ?? 0;
}
