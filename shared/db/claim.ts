import type { Pool } from "pg";
import type { Plan, Residency } from "../contracts/plan.ts";
import { GroupStatement } from "./group-statement.ts";

export interface ClaimMember {
  readonly job: string;
  readonly place: number;
  readonly provider: string;
  /** Chosen by the worker for this claim; the same nonce reads its own claim again. */
  readonly nonce: string;
  readonly worker: string;
}

export interface ClaimRow {
  readonly nonce: string;
  /**
   * `gone`: this entry is stale, forget it. `late`, `stopped` and `residency`: the job still waits
   * but must not run here; whoever learns it asks the job to end.
   */
  readonly verdict: "claimed" | "late" | "stopped" | "residency" | "gone";
  readonly fence: number | null;
  readonly target: number | null;
  readonly tries: number | null;
  readonly plan: Plan | null;
  readonly input_bound: number | null;
  readonly output_bound: number | null;
  readonly queue_ms: number | null;
  readonly remaining_ms: number | null;
  readonly overflow_on_failure: boolean | null;
  readonly residency: Residency | null;
  readonly model: string | null;
  readonly key_id: string | null;
}

/** The statement that gives waiting jobs to workers: fence and attempt row before dialling. */
export function claimStatement(pool: Pool): GroupStatement<ClaimMember, ClaimRow> {
  return new GroupStatement({
    pool,
    name: "claim_jobs",
    text: "select * from claim_jobs($1)",
    giveUpAfterMs: 30_000,
    memberKey: (member) => member.nonce,
    rowKey: (row) => row.nonce,
  });
}
