import type { Pool } from "pg";
import type { Plan, Residency } from "../contracts/plan.ts";
import { GroupStatement } from "../db/group-statement.ts";

/** The queue entry that a worker has taken, and the worker. */
export interface ClaimMember {
  readonly job: string;
  readonly place: number;
  readonly provider: string;
  /**
   * The worker chooses a nonce for each claim. A claim that is sent again finds its own attempt by
   * it.
   */
  readonly nonce: string;
  readonly worker: string;
  /** The worker runs nothing else until this job is over. Only then may it run a suspect. */
  readonly alone?: true;
}

/** The facts about a claimed job. */
export interface ClaimedJob {
  readonly verdict: "claimed";
  readonly nonce: string;
  readonly fence: number;
  /** The index of the target in the plan. */
  readonly target: number;
  /** Calls that went out before this one. */
  readonly tries: number;
  readonly max_attempts: number;
  readonly plan: Plan;
  readonly input_bound: number;
  readonly output_bound: number;
  /** The time in queues over all attempts. The calls between them do not count. */
  readonly queue_ms: number;
  readonly remaining_ms: number;
  readonly overflow_on_failure: boolean;
  readonly residency: Residency;
  readonly model: string;
  readonly key_id: string;
  /** The providers of earlier attempts. */
  readonly tried: readonly string[];
  /** An accepted job comes with its stored request: `StoredRequest` as JSON text, and the body. */
  readonly facts: string | null;
  readonly body: Buffer | null;
  readonly compressed: boolean | null;
  /** The most output tokens of this attempt. With null, the cap of the request holds. */
  readonly output_cap: number | null;
}

interface NotClaimed {
  readonly nonce: string;
  /**
   * `gone`: the entry is stale and is dropped. `suspect`: the job was running when two workers
   * died, and runs only on a worker that runs nothing else. With any other verdict the job still
   * waits but must not run, so the worker asks it to end. `revoked`, `key_expired`, `model` and
   * `budget` tell about the key as it is now.
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

/**
 * Makes the statement that gives waiting jobs to workers: it commits a new fence and an attempt row
 * before the call goes out.
 */
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
