import type { FastifyBaseLogger } from "fastify";
import { compress } from "../db/compressed.ts";
import type { Database } from "../db/database.ts";
import type { AcceptedQueue } from "../jobs/accepted-queue.ts";
import type { IdempotencyKey } from "../jobs/find-keyed-job.ts";
import type { StoredFacts } from "../jobs/stored-facts.ts";
import { NO_OWNER } from "../reply/accepted-replies.ts";
import type { JobTerms } from "./job-terms.ts";
import { acceptMember, submitAccept } from "./submit-accept.ts";

export interface AcceptDeps {
  readonly database: Pick<Database, "accept" | "end">;
  readonly accepted: AcceptedQueue;
  /** Name of this API process in the fleet. */
  readonly owner: string;
  readonly log: FastifyBaseLogger;
}

export interface AcceptOptions {
  /** What makes the request the only one of its kind for a day. */
  readonly idempotency: IdempotencyKey | undefined;
  /** The end is told by webhook, and to this address too. */
  readonly notify: boolean;
  readonly webhookUrl: string | undefined;
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
  terms: JobTerms,
  options: AcceptOptions,
): Promise<AcceptedRequest> {
  const { id, jobRequest, request } = terms;
  const { idempotency, webhookUrl, requestHash } = options;
  const { body, ...rest } = jobRequest;
  const facts: StoredFacts = { ...rest, base64: request.base64, metadata: request.metadata };
  const { compressed, parts } = await compress(Buffer.from(body));
  const member = acceptMember(terms, {
    interactive: false,
    owner: NO_OWNER,
    request: { facts: JSON.stringify(facts), body: parts[0].toString("base64"), compressed },
    notify: options.notify,
    stored: request.response?.store === true,
    ...(idempotency === undefined ? {} : { idem: idempotency }),
    ...(webhookUrl === undefined ? {} : { webhook_url: webhookUrl }),
    ...(requestHash === undefined ? {} : { request_hash: requestHash, waiter: deps.owner }),
  });
  const row = await submitAccept(deps.database.accept, member, () => {
    // Who sends the same key again finds the job; nobody else knows of it.
    if (idempotency === undefined) endUnknown(deps, id);
  });
  if (row.verdict === "attached" && row.other_job !== null)
    return { job: row.other_job, attached: true };
  await enqueue(deps, terms);
  return { job: id, attached: false };
}

/** What the queue does not take now, a sweeper finds missing. */
async function enqueue(deps: AcceptDeps, terms: JobTerms): Promise<void> {
  const { id, key, plan, first, serviceClass } = terms;
  const provider = plan[first.target]?.provider ?? "";
  try {
    const order = { serviceClass, tenant: key.id, delayMs: 0 };
    await deps.accepted.add({ job: id, place: 0, provider, ...order });
  } catch (error) {
    deps.log.warn({ err: error, job: id, provider }, "the queue did not take an accepted job yet");
  }
}

function endUnknown(deps: AcceptDeps, job: string): void {
  const end = { job, place: null, state: "failed", code: "accept_lost" } as const;
  deps.database.end.submit(end).catch((error: unknown) => {
    deps.log.error({ err: error, job }, "job could not be ended");
  });
}
