import { randomBytes } from "node:crypto";
import type { PoolClient } from "pg";
import {
  endpointColumns,
  toEndpointView,
  type EndpointRow,
  type EndpointView,
} from "./endpoint-view.ts";
import { statement } from "../db/statement.ts";

/**
 * Gives an endpoint a new secret, in the caller's transaction; undefined when the key has no such
 * endpoint. With `keepOld`, deliveries are signed with both secrets for 24 hours.
 */
export async function rotateSecret(
  client: Pick<PoolClient, "query">,
  keyId: string,
  id: string,
  keepOld: boolean,
): Promise<(EndpointView & { signing_secret: string }) | undefined> {
  const secret = newWebhookSecret();
  const { rows } = await client.query<EndpointRow>(
    statement(
      "rotate_secret",
      `update webhook_endpoints set secret = $3, updated_at = now(),
         old_secret = case when $4 then secret end,
         old_secret_until = case when $4 then now() + interval '24 hours' end
       where id = $1 and key_id = $2 returning ${endpointColumns}`,
      [id, keyId, secret, keepOld],
    ),
  );
  return rows[0] && { ...toEndpointView(rows[0]), signing_secret: secret };
}

/**
 * Makes a signing secret in the form of Standard Webhooks: `whsec_` and the base64 of 256 random
 * bits.
 */
export function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}
