import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/**
 * Deletes a page of items and conversations that are past their retention. Returns about how many.
 */
export async function forgetConversations(
  pool: Pick<Pool, "query">,
  retentionMs: number,
  page: number,
): Promise<number> {
  const { rows } = await pool.query<{ gone: number }>(
    statement("forget_conversations", "select forget_conversations($1, $2) as gone", [
      retentionMs,
      page,
    ]),
  );
  return rows[0]?.gone ?? 0;
}
