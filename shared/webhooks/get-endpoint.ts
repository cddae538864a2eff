import type { Pool } from "pg";
import {
  endpointColumns,
  toEndpointView,
  type EndpointRow,
  type EndpointView,
} from "./endpoint-view.ts";
import { statement } from "../db/statement.ts";

/** Reads an endpoint of the key; undefined when the key has no such endpoint. */
export async function getEndpoint(
  database: Pick<Pool, "query">,
  keyId: string,
  id: string,
): Promise<EndpointView | undefined> {
  const { rows } = await database.query<EndpointRow>(
    statement(
      "get_endpoint",
      `select ${endpointColumns} from webhook_endpoints where id = $1 and key_id = $2`,
      [id, keyId],
    ),
  );
  return rows[0] && toEndpointView(rows[0]);
}
