import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/** A job whose attempt was closed, because its worker does not run it any more. */
export interface LostJob {
  readonly job_id: string;
  /** `failed`: the job has ended for the reason in `error_code`. */
  readonly state: "waiting" | "failed";
  readonly error_code: "answer_lost" | "poison" | null;
  readonly owner: string;
  readonly provider: string;
  readonly place: number;
}

/** Closes attempts that a living worker does not run, if they are at least `minAgeMs` old. */
export async function closeLostAttempts(
  pool: Query,
  worker: string,
  running: readonly string[],
  minAgeMs: number,
  page: number,
): Promise<LostJob[]> {
  const { rows } = await pool.query<LostJob>(
    statement("close_lost_attempts", "select * from close_lost_attempts($1, $2, $3, $4, false)", [
      worker,
      running,
      minAgeMs,
      page,
    ]),
  );
  return rows;
}

/** Closes all attempts of a dead worker. One of its jobs may have killed it. */
export async function closeDeadAttempts(pool: Query, worker: string): Promise<LostJob[]> {
  const { rows } = await pool.query<LostJob>(
    statement("close_dead_attempts", "select * from close_lost_attempts($1, '{}', 0, null, true)", [
      worker,
    ]),
  );
  return rows;
}

/** Finds the jobs that this worker runs and that somebody has asked to stop. */
export async function findStopRequests(
  pool: Query,
  worker: string,
): Promise<{ job_id: string; cancel_reason: string }[]> {
  const { rows } = await pool.query<{ job_id: string; cancel_reason: string }>(
    statement(
      "find_stop_requests",
      `select j.id as job_id, j.cancel_reason from attempts a join jobs j on j.id = a.job_id
       where a.worker = $1 and j.cancel_reason is not null`,
      [worker],
    ),
  );
  return rows;
}
