import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

/** Drops a page of events past their retention, with their deliveries. Returns how many events. */
export async function forgetOldWebhooks(
  database: Pick<Pool, "query">,
  retentionMs: number,
  page: number,
): Promise<number> {
  const { rows } = await database.query<{ forgotten: number }>(
    statement(
      "forget_old_webhooks",
      "select forget_old_webhooks($1 * interval '1 ms', $2) as forgotten",
      [retentionMs, page],
    ),
  );
  return rows[0]?.forgotten ?? 0;
}
