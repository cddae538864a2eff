import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/** Ends a page of waiting accepted jobs past their deadlines; returns them. */
export async function expireAccepted(pool: Pick<Pool, "query">, page: number): Promise<string[]> {
  const { rows } = await pool.query<{ job: string }>(
    statement("expire_accepted", "select expire_accepted($1) as job", [page]),
  );
  return rows.map(({ job }) => job);
}
