import type { Pool } from "pg";
import { newWebhookSecret } from "../webhooks/rotate-secret.ts";
import { getKey } from "./get-key.ts";
import { inTransaction } from "../db/in-transaction.ts";
import type { UpdateKeyInput } from "./key-input.ts";
import type { KeyView } from "./key-view.ts";
import { setBudget } from "../budgets/set-budget.ts";
import { statement } from "../db/statement.ts";

export interface UpdatedKey {
  readonly key: KeyView;
  /** A new secret, made with the permission to name a `webhook_url`. It is not shown again. */
  readonly webhookSecret: string | undefined;
}

/**
 * Changes the given fields of a key, all or none; undefined when there is no such key. Jobs that
 * were accepted before stay as they were accepted.
 */
export function updateKey(
  pool: Pool,
  id: string,
  input: UpdateKeyInput,
): Promise<UpdatedKey | undefined> {
  const made = newWebhookSecret();
  return inTransaction(pool, async (client) => {
    // This also runs when only the budget changes: the row lock puts changes of one key in an
    // order.
    const { rows } = await client.query<{ webhook_secret: string | null }>(
      statement(
        "update_key",
        `update keys set name = coalesce($2, name), residency = coalesce($3, residency),
           max_service_tier = coalesce($4, max_service_tier),
           models = case when $5 then $6::text[] else models end,
           expires_at = case when $7 then $8::timestamptz else expires_at end,
           allow_webhook_url = coalesce($9, allow_webhook_url),
           webhook_secret = case when coalesce($9, allow_webhook_url)
             then coalesce(webhook_secret, $10) end
         where id = $1 returning webhook_secret`,
        [
          id,
          input.name ?? null,
          input.residency ?? null,
          input.max_service_tier ?? null,
          input.models !== undefined,
          input.models ?? null,
          input.expires_at !== undefined,
          input.expires_at ?? null,
          input.allow_webhook_url ?? null,
          made,
        ],
      ),
    );
    const [row] = rows;
    if (row === undefined) return undefined;
    if (input.budget !== undefined) await setBudget(client, id, input.budget);
    const key = await getKey(client, id);
    if (key === undefined) throw new Error("the changed key cannot be read");
    return { key, webhookSecret: row.webhook_secret === made ? made : undefined };
  });
}
