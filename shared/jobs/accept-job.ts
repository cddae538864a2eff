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
  /** Name of this API process in the fleet. */
  readonly owner: string;
}

export interface AcceptOptions {
  /** What makes the request the only one of its kind for a day. */
  readonly idempotency: IdempotencyKey | undefined;
  /** The end is told by webhook, and to this address too. */
  readonly notify: boolean;
  readonly webhookUrl: string | undefined;
  /** The caller's connection is all that waits for it: should this process die, it is lost. */
  readonly isHeld: boolean;
  /** SHA-256 in hex, when an SDK's retry may join the job should its connection be lost. */
  readonly requestHash: string | undefined;
}

export interface AcceptedRequest {
  readonly job: string;
  /** An earlier request with the same idempotency key made it. */
  readonly attached: boolean;
}

/**
 * Accepts a job: its request, its hold and its idempotency key are committed together, and from then
 * on the broker owes the result, whatever becomes of this process. Throws as `submitAccept` does.
 */
export async function acceptJob(
  deps: AcceptDeps,
  terms: NewJob,
  options: AcceptOptions,
): Promise<AcceptedRequest> {
  const { id } = terms;
  const turn = terms.request.response?.turn;
  if (turn !== undefined) await askDatabase(() => beginTurn(deps.database.pool, id, turn));
  const { idempotency, notify, webhookUrl, isHeld, requestHash } = options;
  const member = await storedMember(terms, {
    notify,
    ...(idempotency === undefined ? {} : { idem: idempotency }),
    ...(webhookUrl === undefined ? {} : { webhook_url: webhookUrl }),
    ...(isHeld ? { waiter: deps.owner } : {}),
    ...(requestHash === undefined ? {} : { request_hash: requestHash }),
  });
  const row = await submitAccept(
    deps.database.accept,
    member,
    terms.request.maxOutputTokens,
    () => {
      // Who sends the same key again finds the job; nobody else knows of it.
      if (idempotency === undefined) endJobQuietly(deps, id, "accept_lost");
    },
  );
  if (row.verdict === "attached" && row.other_job !== null)
    return { job: row.other_job, attached: true };
  await enqueueAccepted(deps, terms);
  return { job: id, attached: false };
}
