import type { Pool } from "pg";
import type { NewItem } from "./new-items.ts";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

export interface ItemPage {
  /** The id of the item before the page. An unknown id counts as undefined. */
  readonly after: string | undefined;
  readonly ascending: boolean;
  readonly limit: number;
  /** The page ends when its items reach this size. It has at least one item. */
  readonly maxBytes: number;
}

/**
 * Adds items to the end of a key's conversation. Returns false when there is no such conversation.
 */
export async function appendItems(
  pool: Query,
  key: string,
  conversation: string,
  items: readonly NewItem[],
): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(
    statement(
      "append_items",
      `with own as (
         update conversations set touched_at = now() where id = $1 and key_id = $2 returning id),
       at as (select nextval('conversation_turn_numbers') as turn),
       added as (
         insert into conversation_items (conversation_id, turn, idx, id, item)
         select own.id, at.turn, i.idx, i.id, i.item
         from own, at, unnest($3::text[], $4::text[]) with ordinality as i(id, item, idx))
       select exists (select from own) as found`,
      [conversation, key, items.map(({ id }) => id), items.map(({ text }) => text)],
    ),
  );
  return rows[0]?.found === true;
}

/** Reads a page of a conversation's items as JSON texts, and tells whether there are more. */
export async function listItems(
  pool: Query,
  conversation: string,
  { after, ascending, limit, maxBytes }: ItemPage,
): Promise<{ readonly texts: readonly string[]; readonly hasMore: boolean }> {
  const [beyond, order] = ascending ? [">", "asc"] : ["<", "desc"];
  const { rows } = await pool.query<{ item: string; found: number }>(
    statement(
      "list_items",
      `with place as (
         select turn, idx from conversation_items where conversation_id = $1 and id = $2 limit 1),
       next as (
         select turn, idx, item, octet_length(item) as bytes from conversation_items
         where conversation_id = $1
           and (not exists (select from place) or (turn, idx) ${beyond} (select turn, idx from place))
         order by turn ${order}, idx ${order} limit $3 + 1),
       summed as (
         select turn, idx, item, count(*) over ()::integer as found,
           sum(bytes) over (order by turn ${order}, idx ${order}) - bytes as before
         from next)
       select item, found from summed where before < $4
       order by turn ${order}, idx ${order} limit $3`,
      [conversation, after ?? null, limit, maxBytes],
    ),
  );
  return { texts: rows.map(({ item }) => item), hasMore: (rows[0]?.found ?? 0) > rows.length };
}

/**
 * Reads all items as one JSON list. Returns undefined when it has more than `maxChars` characters.
 */
export async function readItems(
  pool: Query,
  conversation: string,
  maxChars: number,
): Promise<string | undefined> {
  const { rows: sums } = await pool.query<{ chars: number }>(
    statement(
      "count_item_chars",
      `select coalesce(sum(length(item)), 0)::double precision as chars
       from conversation_items where conversation_id = $1`,
      [conversation],
    ),
  );
  if ((sums[0]?.chars ?? 0) > maxChars) return undefined;
  const { rows } = await pool.query<{ item: string }>(
    statement(
      "read_items",
      "select item from conversation_items where conversation_id = $1 order by turn, idx",
      [conversation],
    ),
  );
  return `[${rows.map(({ item }) => item).join(",")}]`;
}

/** Reads one item as JSON text. */
export async function findItem(
  pool: Query,
  conversation: string,
  id: string,
): Promise<string | undefined> {
  const { rows } = await pool.query<{ item: string }>(
    statement(
      "find_item",
      "select item from conversation_items where conversation_id = $1 and id = $2 limit 1",
      [conversation, id],
    ),
  );
  return rows[0]?.item;
}

/** Deletes one item. Returns false when there is no such item. */
export async function deleteItem(pool: Query, conversation: string, id: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    statement(
      "delete_item",
      "delete from conversation_items where conversation_id = $1 and id = $2",
      [conversation, id],
    ),
  );
  return (rowCount ?? 0) > 0;
}
