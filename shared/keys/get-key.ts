import type { Pool } from "pg";
import { type KeyRow, type KeyView, selectKeys, toKeyView } from "./key-view.ts";
import { statement } from "../db/statement.ts";

/** Reads one key with its budget as it is now; undefined when there is no such key. */
export async function getKey(
  database: Pick<Pool, "query">,
  id: string,
): Promise<KeyView | undefined> {
  const { rows } = await database.query<KeyRow>(
    statement("get_key", `${selectKeys} where k.id = $1`, [id]),
  );
  return rows[0] && toKeyView(rows[0]);
}
