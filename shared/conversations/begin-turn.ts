import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

/** Items that a job adds. */
export interface ConversationTurn {
  readonly conversation: string;
  /** A JSON list of items. */
  readonly items: string;
}

/**
 * Stores the items that a job adds to its conversation once it is done. The caller calls it before
 * the job is accepted. The statement that settles the job stores the output beside these items, and
 * the next reader of the conversation makes items of both. When the job is never accepted, or does
 * not end `done`, nothing is added and the row is deleted.
 */
export async function beginTurn(
  pool: Pick<Pool, "query">,
  job: string,
  { conversation, items }: ConversationTurn,
): Promise<void> {
  await pool.query(
    preparedStatement(
      "begin_turn",
      "insert into conversation_turns (job_id, conversation_id, items) values ($1, $2, $3)",
      [job, conversation, items],
    ),
  );
}
