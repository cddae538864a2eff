import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

export interface WaitingJob {
  readonly id: string;
  readonly place: number;
  readonly provider: string;
  readonly class: number;
  readonly key_id: string;
}

/** Where an accepted job waits now; undefined when it does not wait. */
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
