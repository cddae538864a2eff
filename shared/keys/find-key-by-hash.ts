import type { Pool } from "pg";
import { GroupStatement } from "../db/group-statement.ts";

export interface FindKeyMember {
  /** SHA-256 of the key, in hex. */
  readonly hash: string;
}

/** `id` is null when no key has the hash. Revoked and expired keys are found. */
export interface FoundKeyRow {
  readonly hash: string;
  readonly id: string | null;
  readonly name: string;
  readonly models: string[] | null;
  readonly residency: "local" | "any";
  readonly max_service_tier: "priority" | "default" | "flex";
  readonly budgeted: boolean;
  readonly revoked: boolean;
  readonly expires_at: Date | null;
  readonly allow_webhook_url: boolean;
}

/** The statement that finds keys by their hashes, many callers' at once. */
export function findKeyStatement(
  pool: Pick<Pool, "query">,
): GroupStatement<FindKeyMember, FoundKeyRow> {
  return new GroupStatement({
    pool,
    name: "find_keys",
    text: `
      select m.hash, k.id, k.name, k.models, k.residency, k.max_service_tier,
        b.id is not null as budgeted, k.revoked_at is not null as revoked, k.expires_at,
        k.allow_webhook_url
      from jsonb_to_recordset($1) as m(hash text)
      left join keys k on k.hash = decode(m.hash, 'hex')
      left join budgets b on b.key_id = k.id and b.removed_at is null`,
    giveUpAfterMs: 2_000,
    memberKey: (member) => member.hash,
    rowKey: (row) => row.hash,
  });
}
