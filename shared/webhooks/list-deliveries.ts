import type { Pool } from "pg";
import {
  selectDeliveries,
  toDeliveryView,
  type DeliveryRow,
  type DeliveryView,
} from "./delivery-view.ts";
import { statement } from "../db/statement.ts";

/** Reads a page of an endpoint's deliveries, newest first. Tests are left out. */
export async function listDeliveries(
  database: Pick<Pool, "query">,
  endpointId: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ deliveries: DeliveryView[]; hasMore: boolean }> {
  const { rows } = await database.query<DeliveryRow>(
    statement(
      "list_deliveries",
      `${selectDeliveries} where d.lane = $1 and ($2::text is null or d.id < $2)
       order by d.id desc limit $3`,
      [endpointId, page.after ?? null, page.limit + 1],
    ),
  );
  return {
    deliveries: rows.slice(0, page.limit).map(toDeliveryView),
    hasMore: rows.length > page.limit,
  };
}
