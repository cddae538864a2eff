import type { Pool } from "pg";
import { newWebhookSecret } from "../webhooks/rotate-secret.ts";
import { getKey } from "./get-key.ts";
import { inTransaction } from "../db/in-transaction.ts";
import type { CreateKeyInput } from "./key-input.ts";
import { newSecret } from "./key-secret.ts";
import type { KeyView } from "./key-view.ts";
import { setBudget } from "../budgets/set-budget.ts";
import { statement } from "../db/statement.ts";

export interface CreatedKey {
  /** Callers send this secret. It cannot be read again, because only its hash is stored. */
  readonly secret: string;
  /**
   * It signs webhooks to a request's own `webhook_url`. Only a key with that permission has one.
   */
  readonly webhookSecret: string | undefined;
  readonly key: KeyView;
}

/** Makes a key with its budget and the budget's periods, all or nothing. */
export function createKey(pool: Pool, input: CreateKeyInput): Promise<CreatedKey> {
  const { id, secret, hash, hint } = newSecret();
  const webhookSecret = input.allow_webhook_url ? newWebhookSecret() : undefined;
  return inTransaction(pool, async (client) => {
    await client.query(
      statement(
        "create_key",
        `insert into keys (id, hash, hint, name, models, residency, max_service_tier, expires_at,
           allow_webhook_url, webhook_secret)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
        [
          id,
          hash,
          hint,
          input.name,
          input.models,
          input.residency,
          input.max_service_tier,
          input.expires_at,
          input.allow_webhook_url,
          webhookSecret ?? null,
        ],
      ),
    );
    if (input.budget !== null) await setBudget(client, id, input.budget);
    const key = await getKey(client, id);
    if (key === undefined) throw new Error("the new key cannot be read");
    return { secret, webhookSecret, key };
  });
}
