import type { Pool } from "pg";
import type { EndState } from "../contracts/reply.ts";
import { GroupStatement } from "../db/group-statement.ts";
import { jobBudgets } from "../budgets/job-budgets.ts";

/** A job that is asked to end, with the end that it gets if it waits. */
export interface EndMember {
  readonly job: string;
  /** A job at another place is left alone. With null, the job ends wherever it is. */
  readonly place: number | null;
  readonly state: Exclude<EndState, "done">;
  /** The reason, which is kept with the job: `disconnect`, `deadline`, `sync_wait`, `revoked`, … */
  readonly code: string;
}

export interface EndRow {
  readonly job_id: string;
  /**
   * `running`: the job is asked to stop, and its own outcome follows. `already`: it has ended, in
   * `state`.
   */
  readonly verdict: "ended" | "running" | "already" | "moved" | "gone";
  readonly state: EndState | "waiting" | "running" | null;
  readonly worker: string | null;
  readonly error_code: string | null;
}

/** Makes the statement that asks jobs to end. The state that it returns is the one that stands. */
export function endStatement(pool: Pool): GroupStatement<EndMember, EndRow> {
  return new GroupStatement({
    pool,
    name: "end_jobs",
    text: "select * from end_jobs($1)",
    lockedRowsText: jobBudgets("m ->> 'job'"),
    giveUpAfterMs: 10_000,
    memberKey: (member) => member.job,
    rowKey: (row) => row.job_id,
  });
}
