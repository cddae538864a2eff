import type { Pool } from "pg";
import { toCallerKey, type CallerKey } from "./caller-key.ts";
import { joinBudget, keyColumns, type KeyRow } from "./key-row.ts";
import { preparedStatement } from "../db/statement.ts";

/** Reads a key as it is now; undefined when it is unknown, revoked or expired. */
export async function findUsableKey(
  pool: Pick<Pool, "query">,
  id: string,
): Promise<CallerKey | undefined> {
  const { rows } = await pool.query<KeyRow>(
    preparedStatement(
      "find_usable_key",
      `select ${keyColumns} from keys k ${joinBudget}
       where k.id = $1 and k.revoked_at is null and coalesce(k.expires_at > now(), true)`,
      [id],
    ),
  );
  const [row] = rows;
  return row && toCallerKey(row);
}
