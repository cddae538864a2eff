import type { Pool } from "pg";
import { statement } from "../db/statement.ts";

type Query = Pick<Pool, "query">;

/** A waiting job that the sweeper looks at. */
export interface DueJob {
  readonly job_id: string;
  /** `expired`: its deadline has passed and it has ended. `check`: does its entry still exist? */
  readonly action: "expired" | "check";
  readonly owner: string;
  readonly provider: string;
  readonly place: number;
}

/** Ends waiting jobs past their deadlines, and finds those whose entries are to be checked. */
export async function findDueJobs(pool: Query, page: number): Promise<DueJob[]> {
  const { rows } = await pool.query<DueJob>(
    statement("find_due_jobs", "select * from sweep_waiting($1)", [page]),
  );
  return rows;
}

/** Wakes a page of waiting jobs after entries may have been lost; how many, 0 when it is done. */
export async function wakeForEpoch(pool: Query, epoch: string, page: number): Promise<number> {
  const { rows } = await pool.query<{ woken: number }>(
    statement("wake_for_epoch", "select wake_for_epoch($1, $2) as woken", [epoch, page]),
  );
  return rows[0]?.woken ?? 0;
}

/** Ends a page of waiting accepted jobs past their deadlines; returns them. */
export async function expireAccepted(pool: Pick<Pool, "query">, page: number): Promise<string[]> {
  const { rows } = await pool.query<{ job: string }>(
    statement("expire_accepted", "select expire_accepted($1) as job", [page]),
  );
  return rows.map(({ job }) => job);
}
