import type { Pool } from "pg";
import type { Plan, Residency } from "../contracts/plan.ts";
import { GroupStatement } from "../db/group-statement.ts";

export interface ClaimMember {
  readonly job: string;
  readonly place: number;
  readonly provider: string;
  /** Chosen by the worker for this claim; the same nonce reads its own claim again. */
  readonly nonce: string;
  readonly worker: string;
  /** The worker runs nothing else until this is over: only so may it run a suspect. */
  readonly alone?: true;
}

/** What a worker learns about the job that it claimed. */
export interface ClaimedJob {
  readonly verdict: "claimed";
  readonly nonce: string;
  readonly fence: number;
  /** Index in the plan. */
  readonly target: number;
  /** Calls that went out before this one. */
  readonly tries: number;
  readonly max_attempts: number;
  readonly plan: Plan;
  readonly input_bound: number;
  readonly output_bound: number;
  /** In queues, over all attempts; the calls between do not count. */
  readonly queue_ms: number;
  readonly remaining_ms: number;
  readonly overflow_on_failure: boolean;
  readonly residency: Residency;
  readonly model: string;
  readonly key_id: string;
  /** Names of the providers that the job has been at before. */
  readonly tried: readonly string[];
  /** Of an accepted job: `StoredRequest` as JSON text, and the request's body. */
  readonly facts: string | null;
  readonly body: Buffer | null;
  readonly compressed: boolean | null;
  /** The most output tokens of this attempt; null: the request's own cap. */
  readonly output_cap: number | null;
}

interface NotClaimed {
  readonly nonce: string;
  /**
   * `gone`: this entry is stale, forget it. `suspect`: it was running at two deaths of workers, and
   * runs only where nothing else does. All others: the job still waits but must not run; whoever
   * learns it asks the job to end. `revoked`, `key_expired`, `model` and `budget` speak of the key as
   * it stands now.
   */
  readonly verdict:
    | "late"
    | "stopped"
    | "residency"
    | "revoked"
    | "key_expired"
    | "model"
    | "budget"
    | "suspect"
    | "gone";
}

export type ClaimRow = ClaimedJob | NotClaimed;

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
