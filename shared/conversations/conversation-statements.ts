import type { Pool } from "pg";
import { newId } from "../contracts/new-id.ts";
import { preparedStatement, statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

export interface ConversationRow {
  readonly id: string;
  /** A JSON object as text. */
  readonly metadata: string;
  readonly created_at: Date;
}

const CONVERSATION = /^conv_[0-9a-f]{32}$/;
const COLUMNS = "id, metadata, created_at";

/** Inserts an empty conversation for a key. */
export async function createConversation(
  pool: Query,
  key: string,
  metadata: string,
): Promise<ConversationRow> {
  const { rows } = await pool.query<ConversationRow>(
    statement(
      "create_conversation",
      `insert into conversations (id, key_id, metadata) values ($1, $2, $3) returning ${COLUMNS}`,
      [newId("conv"), key, metadata],
    ),
  );
  const [row] = rows;
  if (row === undefined) throw new Error("no conversation was inserted");
  return row;
}

/**
 * Reads a conversation of a key. Returns undefined when it does not exist, was deleted or belongs
 * to another key.
 */
export async function findConversation(
  pool: Query,
  key: string,
  id: string,
): Promise<ConversationRow | undefined> {
  if (!CONVERSATION.test(id)) return undefined;
  const { rows } = await pool.query<ConversationRow>(
    preparedStatement(
      "find_conversation",
      `select ${COLUMNS} from conversations where id = $1 and key_id = $2`,
      [id, key],
    ),
  );
  return rows[0];
}

/**
 * Replaces the metadata of a conversation with the given JSON text. Returns undefined when the key
 * has no such conversation.
 */
export async function updateConversation(
  pool: Query,
  key: string,
  id: string,
  metadata: string,
): Promise<ConversationRow | undefined> {
  const { rows } = await pool.query<ConversationRow>(
    statement(
      "update_conversation",
      `update conversations set metadata = $3, touched_at = now()
       where id = $1 and key_id = $2 returning ${COLUMNS}`,
      [id, key, metadata],
    ),
  );
  return rows[0];
}

/**
 * Deletes a conversation and its items. A response that is still running adds nothing to it.
 * Returns false when the key has no such conversation.
 */
export async function deleteConversation(pool: Query, key: string, id: string): Promise<boolean> {
  const { rowCount } = await pool.query(
    statement(
      "delete_conversation",
      `with gone as (
         delete from conversations where id = $1 and key_id = $2 returning id),
       items as (
         delete from conversation_items where conversation_id in (select id from gone)),
       turns as (
         delete from conversation_turns
         where turn is not null and conversation_id in (select id from gone))
       select from gone`,
      [id, key],
    ),
  );
  return rowCount === 1;
}
