import type { Pool } from "pg";
import type { LedgerStatus } from "../contracts/closed-attempt.ts";
import type { EndState } from "../contracts/reply.ts";
import type { LedgerEntry } from "../ledger/ledger-entry.ts";
import { GroupStatement } from "../db/group-statement.ts";
import { jobBudgets } from "../budgets/job-budgets.ts";

export interface SettleMember extends LedgerEntry {
  readonly job: string;
  readonly fence: number;
  readonly state: EndState;
  /** Of a response that is done. */
  readonly response_status?: "completed" | "incomplete";
  /** Of an accepted job. */
  readonly result?: StoredResult;
}

/** Bytes in base64; `compressed` says so of both. */
export interface StoredResult {
  readonly content_type: string | null;
  readonly body: string | null;
  readonly events: string | null;
  readonly compressed: boolean;
  /** What the caller is told of a job that did not get done: a `ReplyError` as JSON text. */
  readonly error: string | null;
}

export interface SettleRow {
  readonly job_id: string;
  readonly fence: number;
  /** `already`: this fence has its ledger row. `lost`: the attempt was closed by nobody we know. */
  readonly verdict: "settled" | "already" | "lost";
  /** The job's state that stands. */
  readonly state: EndState | "waiting" | "running" | null;
  /** What the ledger says of this fence; a statement repeated after a lost answer reads its own. */
  readonly ledger_status: LedgerStatus | null;
  /** Charged to the job over all its attempts. */
  readonly cost_nanos: bigint | null;
  /** Carried by the house for this attempt; more than zero is an alarm. Null when not settled. */
  readonly overrun_nanos: bigint | null;
}

/** The statement that ends jobs with their attempts. Tried for as long as the process lives. */
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
