import type { PoolClient } from "pg";
import {
  selectDeliveries,
  toDeliveryView,
  type DeliveryRow,
  type DeliveryView,
} from "./delivery-view.ts";
import { statement } from "../db/statement.ts";

/**
 * Sends a delivery of the endpoint again, whatever its state is, under the same id and from the
 * start of the schedule. A delivery that is being sent stays as it is. Returns undefined when the
 * endpoint has no such delivery.
 */
export async function redeliver(
  client: Pick<PoolClient, "query">,
  endpointId: string,
  deliveryId: string,
): Promise<DeliveryView | undefined> {
  await client.query(
    statement(
      "redeliver",
      `update webhook_deliveries set state = 'pending', failures = 0, next_at = now()
       where id = $1 and lane = $2 and state <> 'sending'`,
      [deliveryId, endpointId],
    ),
  );
  const { rows } = await client.query<DeliveryRow>(
    statement("find_delivery", `${selectDeliveries} where d.id = $1 and d.lane = $2`, [
      deliveryId,
      endpointId,
    ]),
  );
  return rows[0] && toDeliveryView(rows[0]);
}
