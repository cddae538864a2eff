import type { Pool } from "pg";
import type { EndState } from "../contracts/reply.ts";
import type { LedgerEntry } from "../ledger/ledger-entry.ts";
import { GroupStatement } from "../db/group-statement.ts";
import { jobBudgets } from "../budgets/job-budgets.ts";

interface MoveTo {
  readonly job: string;
  /** The place that the job is expected at. */
  readonly place: number;
  /** Index of the next target in the job's plan. */
  readonly target: number;
  readonly delay_ms: number;
  /** When, after the delay, the sweeper first checks that the queue has the new entry. */
  readonly check_ms: number;
  /** The broker itself was at fault: this is no retry in the sense of I9 (docs/architecture.md). */
  readonly excused?: true;
  /** Nothing ran: the attempt uses up none of the job's. */
  readonly uncounted?: true;
  /** The job itself may be what its providers fail at: `uncounted` holds only so often. */
  readonly doubtful?: true;
  /** The next attempt asks for no more output tokens. */
  readonly output_cap?: number;
}

/** With a fence, the open attempt of that fence is closed; without, the job still waits. */
export type MoveMember = MoveTo &
  (({ readonly fence: number } & LedgerEntry) | { readonly fence: null });

export interface MoveRow {
  readonly job_id: string;
  /**
   * `no_retry` (the retry budget is used up) and `refused` (residency, no such provider, or a
   * waiting job whose budget does not cover the target) leave the job where it is. `budget` and `ended` ended the job, see `state`.
   */
  readonly verdict: "moved" | "no_retry" | "refused" | "budget" | "ended" | "gone";
  readonly state: EndState | "waiting" | "running" | null;
  readonly place: number | null;
  readonly provider: string | null;
  readonly owner: string | null;
}

/** The statement that moves jobs to another target or back to the same one. */
export function moveStatement(pool: Pool): GroupStatement<MoveMember, MoveRow> {
  return new GroupStatement({
    pool,
    name: "move_jobs",
    text: "select * from move_jobs($1)",
    lockedRowsText: jobBudgets("m ->> 'job'"),
    giveUpAfterMs: Number.POSITIVE_INFINITY,
    memberKey: (member) => member.job,
    rowKey: (row) => row.job_id,
  });
}
