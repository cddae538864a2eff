import type { Pool } from "pg";
import type { LedgerStatus } from "../contracts/closed-attempt.ts";
import type { EndState } from "../contracts/reply.ts";
import type { LedgerEntry } from "../ledger/ledger-entry.ts";
import { GroupStatement } from "../db/group-statement.ts";
import { jobBudgets } from "../budgets/job-budgets.ts";

/** An attempt that has ended, with the end of its job. */
export interface SettleMember extends LedgerEntry {
  readonly job: string;
  readonly fence: number;
  readonly state: EndState;
  /** Only a response that is done has it. */
  readonly response_status?: "completed" | "incomplete";
  /** Only accepted jobs have a result. */
  readonly result?: StoredResult;
}

/** Bytes are in base64. `compressed` holds for `body` and `events`. */
export interface StoredResult {
  readonly content_type: string | null;
  readonly body: string | null;
  readonly events: string | null;
  readonly compressed: boolean;
  /** A `ReplyError` as JSON text, if the job was not done. */
  readonly error: string | null;
}

export interface SettleRow {
  readonly job_id: string;
  readonly fence: number;
  /**
   * `already`: this fence has its ledger row. `lost`: this fence has neither an attempt nor a
   * ledger row.
   */
  readonly verdict: "settled" | "already" | "lost";
  /** The state of the job after the statement. */
  readonly state: EndState | "waiting" | "running" | null;
  /**
   * The status in the ledger row of this fence. A statement that is sent again after a lost answer
   * finds the row that it wrote.
   */
  readonly ledger_status: LedgerStatus | null;
  /** The charge of all attempts of the job. */
  readonly cost_nanos: bigint | null;
  /**
   * The cost of this attempt beyond the hold, which the operator pays. More than zero is an alarm.
   * Null when the fence has no ledger row.
   */
  readonly overrun_nanos: bigint | null;
}

/**
 * Makes the statement that ends jobs with their attempts. It is tried as long as the process lives.
 */
export function settleStatement(pool: Pool): GroupStatement<SettleMember, SettleRow> {
  return new GroupStatement({
    pool,
    name: "settle_attempts",
    text: "select * from settle_attempts($1)",
    lockedRowsText: jobBudgets("m ->> 'job' || '.' || (m ->> 'fence')"),
    giveUpAfterMs: Number.POSITIVE_INFINITY,
    memberKey: (member) => `${member.job}.${member.fence}`,
    memberChars: ({ result }) => (result?.body?.length ?? 0) + (result?.events?.length ?? 0),
    rowKey: (row) => `${row.job_id}.${row.fence}`,
  });
}
