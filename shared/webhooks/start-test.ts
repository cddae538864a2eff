import type { PoolClient } from "pg";
import { BrokerError } from "../errors/broker-error.ts";
import { statement } from "../db/statement.ts";

/** The most open tests of one endpoint. */
const MAX_OPEN = 5;

/**
 * Queues a sample event for an endpoint, in the caller's transaction. A worker sends it like any
 * other event, but only once. Returns the id of the delivery.
 */
export async function startTest(
  client: Pick<PoolClient, "query">,
  keyId: string,
  endpointId: string,
  eventType: string,
): Promise<string> {
  // Callers with the same endpoint take turns, so that the count holds.
  await client.query(
    statement("lock_endpoint", "select from webhook_endpoints where id = $1 for no key update", [
      endpointId,
    ]),
  );
  const { rows } = await client.query<{ id: string }>(
    statement(
      "start_test",
      `with event as (
         insert into webhook_events (id, key_id, type, object_id)
         select new_id('evt'), $1, $3, $4
         where (select count(*) from webhook_deliveries
           where lane = $5 and state in ('pending', 'sending')) < $6
         returning id)
       insert into webhook_deliveries (id, event_id, key_id, endpoint_id, lane, once)
       select new_id('whd'), event.id, $1, $2, $5, true from event returning id`,
      [keyId, endpointId, eventType, sampleObject(eventType), `test:${endpointId}`, MAX_OPEN],
    ),
  );
  const [row] = rows;
  if (row === undefined)
    throw new BrokerError("rate_limit_exceeded", "Too many tests of this endpoint are under way.", {
      retryAfterMs: 1_000,
    });
  return row.id;
}

function sampleObject(eventType: string): string {
  const [family = ""] = eventType.split(".", 1);
  return `${family === "response" ? "resp" : family}_sample`;
}
