import type { Pool } from "pg";
import { getKey } from "./get-key.ts";
import { inTransaction } from "./in-transaction.ts";
import type { CreateKeyInput } from "./key-input.ts";
import { newSecret } from "./key-secret.ts";
import type { KeyView } from "./key-view.ts";
import { setBudget } from "./set-budget.ts";

export interface CreatedKey {
  /** What callers send. It cannot be read again: only its hash is stored. */
  readonly secret: string;
  readonly key: KeyView;
}

/** Makes a key with its budget and the budget's periods, all or nothing. */
export function createKey(pool: Pool, input: CreateKeyInput): Promise<CreatedKey> {
  const { id, secret, hash, hint } = newSecret();
  return inTransaction(pool, async (client) => {
    await client.query(
      `insert into keys (id, hash, hint, name, models, residency, max_service_tier, expires_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        id,
        hash,
        hint,
        input.name,
        input.models,
        input.residency,
        input.max_service_tier,
        input.expires_at,
      ],
    );
    if (input.budget !== null) await setBudget(client, id, input.budget);
    const key = await getKey(client, id);
    if (key === undefined) throw new Error("the new key cannot be read");
    return { secret, key };
  });
}
