import type { Pool } from "pg";
import { inTransaction } from "../db/in-transaction.ts";

/** Deletes an endpoint; what waits for it is not sent any more. False: the key has no such one. */
export function deleteEndpoint(pool: Pool, keyId: string, id: string): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const deleted = await client.query(
      "delete from webhook_endpoints where id = $1 and key_id = $2",
      [id, keyId],
    );
    if (deleted.rowCount === 0) return false;
    await client.query("select cancel_deliveries($1)", [id]);
    return true;
  });
}
