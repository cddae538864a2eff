import type { Pool } from "pg";
import {
  endpointColumns,
  toEndpointView,
  type EndpointRow,
  type EndpointView,
} from "./endpoint-view.ts";
import { statement } from "../db/statement.ts";

/** Reads a page of a key's endpoints, newest first. */
export async function listEndpoints(
  database: Pick<Pool, "query">,
  keyId: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<{ endpoints: EndpointView[]; hasMore: boolean }> {
  const { rows } = await database.query<EndpointRow>(
    statement(
      "list_endpoints",
      `select ${endpointColumns} from webhook_endpoints
       where key_id = $1 and ($2::text is null or id < $2) order by id desc limit $3`,
      [keyId, page.after ?? null, page.limit + 1],
    ),
  );
  return {
    endpoints: rows.slice(0, page.limit).map(toEndpointView),
    hasMore: rows.length > page.limit,
  };
}
