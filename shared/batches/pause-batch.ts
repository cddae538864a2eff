import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

/** Pauses a running batch and records why. The batch is tried again after `againMs`. */
export async function pauseBatch(
  pool: Pick<Pool, "query">,
  batch: string,
  { reason, message }: { readonly reason: string; readonly message: string },
  againMs: number,
): Promise<void> {
  await pool.query(
    preparedStatement(
      "pause_batch",
      `update batches set paused = $2, paused_message = $3,
         paused_at = coalesce(paused_at, now()), feed_at = now() + $4 * interval '1 ms',
         sums = sum_batch(id)
       where id = $1 and state = 'in_progress'`,
      [batch, reason, message, againMs],
    ),
  );
}

/** Ends the pause of a batch. */
export async function resumeBatch(pool: Pick<Pool, "query">, batch: string): Promise<void> {
  await pool.query(
    preparedStatement(
      "resume_batch",
      `update batches set paused = null, paused_message = null, paused_at = null
       where id = $1 and paused is not null`,
      [batch],
    ),
  );
}
