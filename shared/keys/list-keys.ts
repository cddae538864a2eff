import type { Pool } from "pg";
import { type KeyRow, type KeyView, selectKeys, toKeyView } from "./key-view.ts";
import { statement } from "../db/statement.ts";

export interface KeyPage {
  readonly keys: readonly KeyView[];
  readonly hasMore: boolean;
}

/**
 * Reads a page of keys, also revoked ones. The newest come first, since ids are ordered by time.
 */
export async function listKeys(
  database: Pick<Pool, "query">,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<KeyPage> {
  const { rows } = await database.query<KeyRow>(
    statement(
      "list_keys",
      `${selectKeys} where $1::text is null or k.id < $1 order by k.id desc limit $2`,
      [page.after ?? null, page.limit + 1],
    ),
  );
  return {
    keys: rows.slice(0, page.limit).map(toKeyView),
    hasMore: rows.length > page.limit,
  };
}
