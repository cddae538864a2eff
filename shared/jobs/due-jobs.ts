import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/** A waiting job that the sweeper looks at. */
export interface DueJob {
  readonly job_id: string;
  /** `expired`: the job has just ended at its deadline. `check`: its queue entry may be missing. */
  readonly action: "expired" | "check";
  readonly owner: string;
  readonly provider: string;
  readonly place: number;
}

/**
 * Ends waiting jobs past their deadlines, and finds those whose queue entries are due for a check.
 */
export async function findDueJobs(pool: Query, page: number): Promise<DueJob[]> {
  const { rows } = await pool.query<DueJob>(
    statement("find_due_jobs", "select * from sweep_waiting($1)", [page]),
  );
  return rows;
}

/**
 * Makes a page of waiting jobs due for a check after the epoch has changed, since the queue may
 * have lost entries. Returns how many; 0 when all are done.
 */
export async function wakeForEpoch(pool: Query, epoch: string, page: number): Promise<number> {
  const { rows } = await pool.query<{ woken: number }>(
    statement("wake_for_epoch", "select wake_for_epoch($1, $2) as woken", [epoch, page]),
  );
  return rows[0]?.woken ?? 0;
}

/** Ends a page of waiting accepted jobs past their deadlines and returns their ids. */
export async function expireAccepted(pool: Pick<Pool, "query">, page: number): Promise<string[]> {
  const { rows } = await pool.query<{ job: string }>(
    statement("expire_accepted", "select expire_accepted($1) as job", [page]),
  );
  return rows.map(({ job }) => job);
}
