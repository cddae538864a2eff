import type { Pool } from "pg";
import { inTransaction } from "../db/in-transaction.ts";
import { statement } from "../db/statement.ts";
import { cancelDeliveries } from "./cancel-deliveries.ts";

/**
 * Deletes an endpoint and cancels its waiting deliveries. Returns false when the key has no such
 * endpoint.
 */
export function deleteEndpoint(pool: Pool, keyId: string, id: string): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const deleted = await client.query(
      statement("delete_endpoint", "delete from webhook_endpoints where id = $1 and key_id = $2", [
        id,
        keyId,
      ]),
    );
    if (deleted.rowCount === 0) return false;
    await cancelDeliveries(client, id);
    return true;
  });
}
