import type { PoolClient } from "pg";
import type { UpdateEndpointInput } from "./endpoint-input.ts";
import {
  endpointColumns,
  toEndpointView,
  type EndpointRow,
  type EndpointView,
} from "./endpoint-view.ts";
import { statement } from "../db/statement.ts";
import { cancelDeliveries } from "./cancel-deliveries.ts";

/**
 * Changes the given fields of an endpoint, in the caller's transaction; undefined when the key has
 * no such endpoint. A new address starts without a record of failures. `updated_at` changes only
 * when a field does.
 */
export async function updateEndpoint(
  client: Pick<PoolClient, "query">,
  keyId: string,
  id: string,
  input: UpdateEndpointInput,
): Promise<EndpointView | undefined> {
  const { rows } = await client.query<EndpointRow>(
    statement(
      "update_endpoint",
      `update webhook_endpoints e set
         name = n.name, url = n.url, event_types = n.event_types, enabled = n.enabled,
         disabled_reason = case when n.enabled then null else coalesce(e.disabled_reason, 'owner') end,
         disabled_at = case when n.enabled then null else coalesce(e.disabled_at, now()) end,
         failing_since = case when n.url = e.url and n.enabled = e.enabled then e.failing_since end,
         updated_at = case
           when (n.name, n.url, n.event_types, n.enabled) = (e.name, e.url, e.event_types, e.enabled)
           then e.updated_at else now() end
       from (
         select id, coalesce($3, name) as name, coalesce($4, url) as url,
           coalesce($5, event_types) as event_types, coalesce($6, enabled) as enabled
         from webhook_endpoints where id = $1 and key_id = $2 for update
       ) as n
       where e.id = n.id returning ${endpointColumns.replaceAll(/\w+/g, "e.$&")}`,
      [
        id,
        keyId,
        input.name ?? null,
        input.url ?? null,
        input.event_types ?? null,
        input.enabled ?? null,
      ],
    ),
  );
  const [row] = rows;
  if (row === undefined) return undefined;
  if (!row.enabled) await cancelDeliveries(client, id);
  return toEndpointView(row);
}
