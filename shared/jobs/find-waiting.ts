import type { Pool } from "pg";
import { preparedStatement, statement } from "../db/statement.ts";

export interface WaitingJob {
  readonly id: string;
  readonly place: number;
  readonly provider: string;
  readonly class: number;
  readonly key_id: string;
}

/**
 * Finds the queue and the place where an accepted job waits now; undefined when it does not wait.
 */
export async function findWaiting(
  pool: Pick<Pool, "query">,
  job: string,
): Promise<WaitingJob | undefined> {
  const { rows } = await pool.query<WaitingJob>(
    preparedStatement(
      "find_waiting",
      `select id, place, provider, class, key_id from jobs
       where id = $1 and state = 'waiting' and not interactive`,
      [job],
    ),
  );
  return rows[0];
}

/** Reads a page of a key's waiting jobs, with the processes that answer their callers. */
export async function listWaitingJobs(
  pool: Pick<Pool, "query">,
  key: string,
  page: number,
): Promise<{ readonly id: string; readonly owner: string }[]> {
  const { rows } = await pool.query<{ id: string; owner: string }>(
    statement(
      "list_waiting_of_key",
      "select id, owner from jobs where key_id = $1 and state = 'waiting' order by id limit $2",
      [key, page],
    ),
  );
  return rows;
}
