import type { Pool } from "pg";
import type { EndState } from "../contracts/reply.ts";
import type { LedgerEntry } from "../ledger/ledger-entry.ts";
import { GroupStatement } from "../db/group-statement.ts";
import { jobBudgets } from "../budgets/job-budgets.ts";

interface MoveTo {
  readonly job: string;
  /** A job at another place is left alone. */
  readonly place: number;
  /** The index of the next target in the plan. */
  readonly target: number;
  readonly delay_ms: number;
  /** This long after the delay, the sweeper first checks that the queue has the new entry. */
  readonly check_ms: number;
  /**
   * The broker itself was at fault, so this does not count as a retry for I9
   * (docs/architecture.md).
   */
  readonly excused?: true;
  /** Nothing ran, so the attempt does not count against the job's `max_attempts`. */
  readonly uncounted?: true;
  /**
   * The job itself may be why its providers fail, so `uncounted` holds only for its first 16
   * attempts with the same error.
   */
  readonly doubtful?: true;
  /** The next attempt asks for at most this many output tokens. */
  readonly output_cap?: number;
}

/** With a fence, the open attempt of that fence is closed. Without one, the job must still wait. */
export type MoveMember = MoveTo &
  (({ readonly fence: number } & LedgerEntry) | { readonly fence: null });

export interface MoveRow {
  readonly job_id: string;
  /**
   * `no_retry`: the retry budget (I9) is used up. `refused`: residency forbids the target, the
   * provider does not exist, a reader has seen a part of the answer, or the budget of a waiting job
   * does not cover the target. Both leave the job where it is. `budget` and `ended`: the job has
   * ended, in `state`.
   */
  readonly verdict: "moved" | "no_retry" | "refused" | "budget" | "ended" | "gone";
  readonly state: EndState | "waiting" | "running" | null;
  readonly place: number | null;
  readonly provider: string | null;
  readonly owner: string | null;
}

/** Makes the statement that moves jobs to another target or back to the same one. */
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
