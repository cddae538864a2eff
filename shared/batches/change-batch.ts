import type { Pool } from "pg";
import { inTransaction } from "../db/in-transaction.ts";
import { statement } from "../db/statement.ts";

/**
 * Asks a key's batch to end. It keeps the answers that it has; a batch that has ended does not
 * change.
 */
export async function cancelBatch(pool: Pool, key: string, batch: string): Promise<void> {
  // The feeder of the batch may hold its row for a moment; then the statement is tried again.
  await inTransaction(pool, (client) =>
    client.query(statement("cancel_batch", "select cancel_batch($1, $2)", [key, batch])),
  );
}

/**
 * Sets the most that a live batch may cost. Returns false when the batch has ended or has no cap.
 */
export async function setCap(pool: Pool, batch: string, nanos: bigint): Promise<boolean> {
  const { rows } = await inTransaction(pool, (client) =>
    client.query<{ done: boolean }>(
      statement("set_batch_cap", "select set_batch_cap($1, $2) as done", [batch, String(nanos)]),
    ),
  );
  return rows[0]?.done === true;
}
