import type { Pool } from "pg";
import type { EndState } from "../contracts/reply.ts";
import { statement } from "../db/statement.ts";

export interface EndedJob {
  readonly id: string;
  readonly state: EndState;
  readonly error_code: string | null;
  /** The fence of the settled attempt. */
  readonly fence: number;
  readonly cost_nanos: bigint;
  /** The worker that was given with the job is registered in the fleet. */
  readonly worker_lives: boolean;
}

/** Finds those of the given jobs that have ended. */
export async function findEnded(
  pool: Pick<Pool, "query">,
  jobs: readonly { readonly id: string; readonly worker: string | undefined }[],
): Promise<EndedJob[]> {
  const { rows } = await pool.query<EndedJob>(
    statement(
      "find_ended",
      `select j.id, j.state, j.error_code, j.fence, j.cost_nanos,
         exists (select from processes p where p.id = a.worker) as worker_lives
       from jsonb_to_recordset($1) as a(id text, worker text)
       join jobs j on j.id = a.id
       where j.state not in ('waiting', 'running')`,
      [JSON.stringify(jobs)],
    ),
  );
  return rows;
}
