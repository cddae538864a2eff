import type { Pool } from "pg";
import { getKey } from "./get-key.ts";
import { inTransaction } from "./in-transaction.ts";
import type { UpdateKeyInput } from "./key-input.ts";
import type { KeyView } from "./key-view.ts";
import { setBudget } from "./set-budget.ts";

/**
 * Changes the given fields of a key, all or nothing; undefined: there is no such key. Jobs that
 * were accepted before keep what they were accepted with.
 */
export function updateKey(
  pool: Pool,
  id: string,
  input: UpdateKeyInput,
): Promise<KeyView | undefined> {
  return inTransaction(pool, async (client) => {
    // Also when only the budget changes: the row lock puts changes of one key in an order.
    const found = await client.query(
      `update keys set name = coalesce($2, name), residency = coalesce($3, residency),
         max_service_tier = coalesce($4, max_service_tier),
         models = case when $5 then $6::text[] else models end,
         expires_at = case when $7 then $8::timestamptz else expires_at end
       where id = $1`,
      [
        id,
        input.name ?? null,
        input.residency ?? null,
        input.max_service_tier ?? null,
        input.models !== undefined,
        input.models ?? null,
        input.expires_at !== undefined,
        input.expires_at ?? null,
      ],
    );
    if (found.rowCount === 0) return undefined;
    if (input.budget !== undefined) await setBudget(client, id, input.budget);
    return await getKey(client, id);
  });
}
