import type { Pool } from "pg";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { Plan, Residency } from "../contracts/plan.ts";
import { GroupStatement } from "../db/group-statement.ts";

/** A job to be admitted. Amounts travel as decimal strings of nano-USD; times are relative. */
export interface AcceptMember {
  readonly id: string;
  readonly key: string;
  readonly endpoint: Endpoint;
  readonly model: string;
  /** Number of the service class, see `serviceClasses`. */
  readonly class: number;
  readonly residency: Residency;
  readonly interactive: boolean;
  readonly stream: boolean;
  /** The API process that answers the caller; empty for an accepted job. */
  readonly owner: string;
  readonly plan: Plan;
  /** Index of the first target. */
  readonly target: number;
  /** The first target's worst case. */
  readonly hold: string;
  readonly input_bound: number;
  readonly output_bound: number;
  /** Calls that may go out for this job, retries and moves included. */
  readonly max_attempts: number;
  readonly deadline_ms: number;
  /** Waiting time after which the job may overflow; null: not for waiting. */
  readonly overflow_ms: number | null;
  readonly overflow_on_failure: boolean;
  /** When the sweeper first checks that the queue still has the entry. */
  readonly check_ms: number;
  /** Of an accepted job: what is stored of its request. */
  readonly request?: StoredRequest;
  readonly idem?: IdempotencyClaim;
  /** The end is told by webhook. */
  readonly notify?: boolean;
  /** The request is kept after the end. */
  readonly stored?: boolean;
  readonly webhook_url?: string;
  /** SHA-256 in hex of what was asked, for the retries of the caller's SDK. */
  readonly request_hash?: string;
  /** The API process that holds the caller's connection. */
  readonly waiter?: string;
  /** The batch whose line it runs, which is named after the job. */
  readonly batch?: string;
}

interface StoredRequest {
  /** JSON text. */
  readonly facts: string;
  /** Base64. */
  readonly body: string;
  readonly compressed: boolean;
}

/** One job for each key of a caller and path, for a day. */
interface IdempotencyClaim {
  readonly path: string;
  readonly key: string;
  /** SHA-256 of the body, in hex. */
  readonly hash: string;
}

export interface AcceptRow {
  readonly job_id: string;
  /**
   * `budget`: refused, with what is left of which limit. `key`: revoked or expired meanwhile.
   * `attached`: its idempotency key stands for `other_job`. `mismatch`: for another request. `line`:
   * its batch's line does not wait to be fed (any more).
   */
  readonly verdict: "accepted" | "already" | "budget" | "key" | "attached" | "mismatch" | "line";
  readonly free_nanos: bigint | null;
  readonly limit_nanos: bigint | null;
  readonly resets_at: Date | null;
  readonly other_job: string | null;
  /** The budget is the batch's own cap. */
  readonly capped: boolean;
}

/** A caller may wait for a slow database for so long, if its deadline is not earlier. */
const PATIENCE_MS = 20_000;
/** An answer takes a few milliseconds: one that is on its way is waited for past a short deadline. */
const LEAST_PATIENCE_MS = 250;

/**
 * The statement that inserts jobs with their holds. An API that cannot reach the database says so
 * to its caller within two seconds, while one that is merely slow is waited for; a job that was
 * committed all the same ends by its owner's word.
 */
export function acceptStatement(pool: Pool): GroupStatement<AcceptMember, AcceptRow> {
  return new GroupStatement({
    pool,
    name: "accept_jobs",
    text: "select * from accept_jobs($1)",
    // The key's budgets.
    lockedRowsText:
      "select m ->> 'id' as member, m ->> 'key' as rows from jsonb_array_elements($1::jsonb) as m",
    giveUpAfterMs: ({ deadline_ms: ms }) => Math.min(Math.max(ms, LEAST_PATIENCE_MS), PATIENCE_MS),
    unreachableAfterMs: 2_000,
    memberKey: (member) => member.id,
    memberChars: (member) => member.request?.body.length ?? 0,
    rowKey: (row) => row.job_id,
  });
}
