import type { Pool } from "pg";
import type { Endpoint } from "../contracts/endpoint.ts";
import type { Plan, Residency } from "../contracts/plan.ts";
import { GroupStatement } from "../db/group-statement.ts";

/** A job to be admitted. Amounts are nano-dollars as decimal strings, and times count from now. */
export interface AcceptMember {
  readonly id: string;
  readonly key: string;
  readonly endpoint: Endpoint;
  readonly model: string;
  /** The number of the service class (`serviceClasses`). */
  readonly class: number;
  readonly residency: Residency;
  readonly interactive: boolean;
  readonly stream: boolean;
  /** The API process that answers the caller. It is empty for an accepted job. */
  readonly owner: string;
  readonly plan: Plan;
  /** The index of the first target in the plan. */
  readonly target: number;
  /** The worst case of the first target. */
  readonly hold: string;
  readonly input_bound: number;
  readonly output_bound: number;
  /** Calls that may go out for this job, with retries and moves. */
  readonly max_attempts: number;
  readonly deadline_ms: number;
  /** The job may overflow after this wait. With null, a wait gives no right to overflow. */
  readonly overflow_ms: number | null;
  readonly overflow_on_failure: boolean;
  /** After this time the sweeper first checks that the queue still has the entry. */
  readonly check_ms: number;
  /** Only accepted jobs have a stored request. */
  readonly request?: StoredRequest;
  readonly idem?: IdempotencyClaim;
  /** Webhooks tell the end of the job. */
  readonly notify?: boolean;
  /** The request is kept after the end. */
  readonly stored?: boolean;
  readonly webhook_url?: string;
  /** SHA-256 of the request in hex, by which the retry of the caller's SDK finds the job. */
  readonly request_hash?: string;
  /** The API process that holds the caller's connection. */
  readonly waiter?: string;
  /** The batch whose line the job runs. The line already has the id of the job. */
  readonly batch?: string;
}

interface StoredRequest {
  /** JSON text. */
  readonly facts: string;
  /** Base64. */
  readonly body: string;
  readonly compressed: boolean;
}

/** For a day, one idempotency key of a caller makes one job on each path. */
interface IdempotencyClaim {
  readonly path: string;
  readonly key: string;
  /** SHA-256 of the body in hex. */
  readonly hash: string;
}

/** The verdict on one member. */
export interface AcceptRow {
  readonly job_id: string;
  /**
   * `already`: the job is known. `budget`: the job is refused, and the fields below say what is
   * left of which limit. `key`: the API key is unknown, revoked or expired. `attached`: the
   * idempotency key stands for `other_job`. `mismatch`: the idempotency key stands for another
   * request. `line`: the batch line of the job does not wait to be fed.
   */
  readonly verdict: "accepted" | "already" | "budget" | "key" | "attached" | "mismatch" | "line";
  readonly free_nanos: bigint | null;
  readonly limit_nanos: bigint | null;
  readonly resets_at: Date | null;
  readonly other_job: string | null;
  /** The limit is the batch's own cap. */
  readonly capped: boolean;
}

/** A caller waits this long for a slow database, or until its deadline if that is earlier. */
const PATIENCE_MS = 20_000;
/** An answer takes a few milliseconds, so even a caller with a shorter deadline waits this long. */
const LEAST_PATIENCE_MS = 250;

/**
 * Makes the statement that inserts jobs with their holds. A member is rejected after two seconds
 * without a connection to the database; a database that is only slow is waited for. A rejected
 * member may have been committed all the same: then the API process that sent it ends the job.
 */
export function acceptStatement(pool: Pool): GroupStatement<AcceptMember, AcceptRow> {
  return new GroupStatement({
    pool,
    name: "accept_jobs",
    text: "select * from accept_jobs($1)",
    // The members of one key lock the same rows, the periods of its budgets.
    lockedRowsText:
      "select m ->> 'id' as member, m ->> 'key' as rows from jsonb_array_elements($1::jsonb) as m",
    giveUpAfterMs: ({ deadline_ms: ms }) => Math.min(Math.max(ms, LEAST_PATIENCE_MS), PATIENCE_MS),
    unreachableAfterMs: 2_000,
    memberKey: (member) => member.id,
    memberChars: (member) => member.request?.body.length ?? 0,
    rowKey: (row) => row.job_id,
  });
}
