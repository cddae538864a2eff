import type { Pool } from "pg";
import { decompress } from "../db/compressed.ts";
import { parseExact } from "../json/exact-json.ts";
import { asObject } from "../json/json-object.ts";
import type { NewItem } from "./new-items.ts";
import { preparedStatement, statement } from "../db/statement.ts";

interface DoneTurn {
  readonly job_id: string;
  readonly turn: string;
  /** A JSON list of items with their ids. */
  readonly items: string;
  readonly body: Buffer;
  readonly compressed: boolean;
}

const MAX_ID_CHARS = 200;
/**
 * A turn can be as large as a request and its answer, and the number of finished turns is
 * unbounded.
 */
const TURNS_AT_ONCE = 8;

/**
 * Makes items of the turns that were finished since the conversation was last read. The caller
 * calls it before it reads the items. Of several readers at once one does the work, and the others
 * wait for its commit.
 */
export async function unfoldTurns(pool: Pick<Pool, "query">, conversation: string): Promise<void> {
  while ((await unfoldSome(pool, conversation)) === TURNS_AT_ONCE);
}

/** Unfolds the oldest turns and returns their number. */
async function unfoldSome(pool: Pick<Pool, "query">, conversation: string): Promise<number> {
  const { rows } = await pool.query<DoneTurn>(
    preparedStatement(
      "done_turns",
      `select job_id, turn, items, body, compressed from conversation_turns
       where conversation_id = $1 and turn is not null order by turn limit $2`,
      [conversation, TURNS_AT_ONCE],
    ),
  );
  for (const row of rows) {
    const items = await itemsOf(row);
    await pool.query(
      statement(
        "unfold_turn",
        `with taken as (
           delete from conversation_turns where job_id = $1 returning conversation_id, turn, created_at)
         insert into conversation_items (conversation_id, turn, idx, id, item, created_at)
         select taken.conversation_id, taken.turn, i.idx, i.id, i.item, taken.created_at
         from taken, unnest($2::text[], $3::text[]) with ordinality as i(id, item, idx)`,
        [row.job_id, items.map(({ id }) => id), items.map(({ text }) => text)],
      ),
    );
  }
  return rows.length;
}

async function itemsOf({ items, turn, body, compressed }: DoneTurn): Promise<readonly NewItem[]> {
  const response = asObject(parseExact((await decompress(body, compressed)).toString()));
  const output = response?.["output"];
  const all = [
    ...(parseExact(items) as unknown[]),
    ...(Array.isArray(output) ? (output as unknown[]) : []),
  ];
  return all.map((each, index) => {
    const item = asObject(each) ?? {};
    const id = usableId(item["id"]) ?? `item_${turn}_${index}`;
    return { id, text: JSON.stringify({ ...item, id }) };
  });
}

/** PostgreSQL accepts no NUL in a text. */
function usableId(id: unknown): string | undefined {
  const isUsable = typeof id === "string" && id.length <= MAX_ID_CHARS && !id.includes("\0");
  return isUsable ? id : undefined;
}
