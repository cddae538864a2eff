import type { PoolClient } from "pg";
import { BrokerError } from "../errors/broker-error.ts";
import type { CreateEndpointInput } from "./endpoint-input.ts";
import {
  endpointColumns,
  toEndpointView,
  type EndpointRow,
  type EndpointView,
} from "./endpoint-view.ts";
import { newWebhookSecret } from "./rotate-secret.ts";
import { statement } from "../db/statement.ts";

/** The most endpoints of a key. Each one costs a row for every event. */
const MAX_ENDPOINTS = 20;

/** Makes an endpoint, in the caller's transaction. Its secret is shown here for the first time. */
export async function createEndpoint(
  client: Pick<PoolClient, "query">,
  keyId: string,
  input: CreateEndpointInput,
): Promise<EndpointView & { signing_secret: string }> {
  // Callers with the same key take turns, so that the count holds.
  await client.query(
    statement("lock_endpoints_of_key", "select from keys where id = $1 for no key update", [keyId]),
  );
  const secret = newWebhookSecret();
  const { rows } = await client.query<EndpointRow>(
    statement(
      "create_endpoint",
      `insert into webhook_endpoints (id, key_id, name, url, event_types, secret)
       select new_id('whe'), $1, $2, $3, $4, $5
       where (select count(*) from webhook_endpoints where key_id = $1) < $6
       returning ${endpointColumns}`,
      [keyId, input.name, input.url, input.event_types, secret, MAX_ENDPOINTS],
    ),
  );
  const [row] = rows;
  if (row === undefined)
    throw new BrokerError(
      "invalid_request",
      `A key can have at most ${MAX_ENDPOINTS} webhook endpoints; delete one first.`,
    );
  return { ...toEndpointView(row), signing_secret: secret };
}
