import type { PoolClient } from "pg";
import { statement } from "../db/statement.ts";

/** Cancels the deliveries that wait for an endpoint, in the caller's transaction. */
export async function cancelDeliveries(
  client: Pick<PoolClient, "query">,
  endpointId: string,
): Promise<void> {
  await client.query(statement("cancel_deliveries", "select cancel_deliveries($1)", [endpointId]));
}
