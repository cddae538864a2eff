import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

/** What a job's request adds to a conversation. */
export interface ConversationTurn {
  readonly conversation: string;
  /** JSON: a list of items. */
  readonly items: string;
}

/**
 * Notes what a job adds to its conversation once it is done: the statement that settles it puts the
 * output beside these items, and whoever next reads the conversation makes items of both. To be called
 * before the job is accepted. Of a job that never comes to be, or ends otherwise, nothing is added, and
 * the note is dropped.
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
