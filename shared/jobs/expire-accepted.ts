import type { Pool } from "pg";

/** Ends a page of waiting accepted jobs past their deadlines; returns them. */
export async function expireAccepted(pool: Pick<Pool, "query">, page: number): Promise<string[]> {
  const { rows } = await pool.query<{ job: string }>("select expire_accepted($1) as job", [page]);
  return rows.map(({ job }) => job);
}
