import { beginTurn } from "../conversations/begin-turn.ts";
import { askDatabase } from "../db/ask-database.ts";
import type { Database } from "../db/database.ts";
import type { IdempotencyKey } from "../idempotency/find-keyed-job.ts";
import { endJobQuietly } from "./end-job.ts";
import { enqueueAccepted, type EnqueueDeps } from "./enqueue-accepted.ts";
import type { NewJob } from "./new-job.ts";
import { storedMember } from "./stored-member.ts";
import { submitAccept } from "./submit-accept.ts";

export interface AcceptDeps extends EnqueueDeps {
  readonly database: Pick<Database, "accept" | "end" | "pool">;
  /** The name of this API process in the fleet. */
  readonly owner: string;
}

export interface AcceptOptions {
  /** Repeated requests with this key get the same job for a day. */
  readonly idempotency: IdempotencyKey | undefined;
  /** Webhooks tell the end: to the key's endpoints, and to `webhookUrl` if there is one. */
  readonly notify: boolean;
  readonly webhookUrl: string | undefined;
  /**
   * Only the caller's connection waits for the result. If it is lost and no retry comes, the job
   * ends.
   */
  readonly isHeld: boolean;
  /**
   * SHA-256 in hex. With it, a retry of the caller's SDK may join the job after a lost connection.
   */
  readonly requestHash: string | undefined;
}

export interface AcceptedRequest {
  readonly job: string;
  /** The job was made by an earlier request with the same idempotency key. */
  readonly attached: boolean;
}

/**
 * Accepts a job: its request, its hold and its idempotency key are committed together. From then on
 * the broker owes the result, even if this process dies. Throws as `submitAccept` does.
 */
export async function acceptJob(
  deps: AcceptDeps,
  newJob: NewJob,
  options: AcceptOptions,
): Promise<AcceptedRequest> {
  const { id } = newJob;
  const turn = newJob.request.response?.turn;
  if (turn !== undefined) await askDatabase(() => beginTurn(deps.database.pool, id, turn));
  const { idempotency, notify, webhookUrl, isHeld, requestHash } = options;
  const member = await storedMember(newJob, {
    notify,
    ...(idempotency === undefined ? {} : { idem: idempotency }),
    ...(webhookUrl === undefined ? {} : { webhook_url: webhookUrl }),
    ...(isHeld ? { waiter: deps.owner } : {}),
    ...(requestHash === undefined ? {} : { request_hash: requestHash }),
  });
  const row = await submitAccept(
    deps.database.accept,
    member,
    newJob.request.maxOutputTokens,
    () => {
      // A caller who sends the same key again finds the job. Without a key nobody knows of the job,
      // so it ends here.
      if (idempotency === undefined) endJobQuietly(deps, id, "accept_lost");
    },
  );
  if (row.verdict === "attached" && row.other_job !== null)
    return { job: row.other_job, attached: true };
  await enqueueAccepted(deps, newJob);
  return { job: id, attached: false };
}
