import type { Pool } from "pg";
import { GroupStatement } from "../db/group-statement.ts";
import { joinBudget, keyColumns, type KeyRow } from "./key-row.ts";

export interface FindKeyMember {
  /** SHA-256 of the key in hex. */
  readonly hash: string;
}

/** `id` is null when no key has the hash. Revoked and expired keys are found too. */
export type FoundKeyRow = { readonly hash: string } & (KeyRow | { readonly id: null });

/** Makes the statement that finds keys by their hashes, for many callers at once. */
export function findKeyStatement(
  pool: Pick<Pool, "query">,
): GroupStatement<FindKeyMember, FoundKeyRow> {
  return new GroupStatement({
    pool,
    name: "find_keys",
    text: `
      select m.hash, ${keyColumns}
      from jsonb_to_recordset($1) as m(hash text)
      left join keys k on k.hash = decode(m.hash, 'hex')
      ${joinBudget}`,
    giveUpAfterMs: 20_000,
    unreachableAfterMs: 2_000,
    memberKey: (member) => member.hash,
    rowKey: (row) => row.hash,
  });
}
