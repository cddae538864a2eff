import type { Pool } from "pg";
import type { EndState } from "../contracts/reply.ts";
import { GroupStatement } from "../db/group-statement.ts";
import { jobBudgets } from "../budgets/job-budgets.ts";

export interface EndMember {
  readonly job: string;
  /** Leave the job alone once it is at another place; null: wherever it is. */
  readonly place: number | null;
  readonly state: Exclude<EndState, "done">;
  /** Why, kept with the job: `disconnect`, `deadline`, `sync_wait`, `revoked`, … */
  readonly code: string;
}

export interface EndRow {
  readonly job_id: string;
  /** `running`: the request is noted; the job's own outcome will follow. `already`: see `state`. */
  readonly verdict: "ended" | "running" | "already" | "moved" | "gone";
  readonly state: EndState | "waiting" | "running" | null;
  readonly worker: string | null;
  readonly error_code: string | null;
}

/** The statement that asks jobs to end; the caller gets whatever state it returned. */
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
