import type { FailureReason } from "../contracts/failure-reason.ts";
import type { EndState, ReplyError } from "../contracts/reply.ts";
import { accountErrors } from "../errors/account-errors.ts";
import { BrokerError, type BrokerErrorOptions } from "../errors/broker-error.ts";
import { errorCatalogue, type ErrorCode } from "../errors/catalogue.ts";
import { invalidApiKey } from "../keys/invalid-api-key.ts";

type Explanation = readonly [code: ErrorCode, message: string, options?: BrokerErrorOptions];

const { credential, quota } = accountErrors;
const credentialRefused: Explanation = [credential.code, credential.message, { retryable: false }];
const quotaUsedUp: Explanation = [quota.code, quota.message, { retryable: false }];
const allFull: Explanation = [
  "rate_limit_exceeded",
  "The providers of this model take no more requests for the moment.",
];

/** The errors that callers see, by the code that is kept with the job. */
const explanations: Readonly<Record<string, Explanation>> = {
  deadline: ["deadline_exceeded", "The deadline passed before the answer was complete."],
  sync_wait: [
    "deadline_exceeded",
    "The answer took longer than a connection may wait, and was given up. Ask for a stream, or for a job with the header 'Prefer: respond-async'.",
  ],
  disconnect: ["cancelled", "The caller closed the connection."],
  cancel: ["cancelled", "The job was cancelled."],
  shutdown: ["unavailable", "The broker is shutting down."],
  owner_lost: ["unavailable", "The broker lost its place in the fleet."],
  queue_unavailable: ["unavailable", "The queue cannot be reached."],
  database_unavailable: ["unavailable", "The database cannot be reached."],
  internal_error: ["internal_error", "The server had an error."],
  insufficient_quota: [
    "insufficient_quota",
    "The budget does not cover this request's next attempt.",
  ],
  permission_denied: ["permission_denied", "The API key may not use this model any more."],
  residency: ["no_capacity", "No local provider may take this request."],
  poison: [
    "poison",
    "This request was running each of the three times that a worker of the broker died; it is not run again.",
  ],
  provider_credential: credentialRefused,
  provider_quota: quotaUsedUp,
  answer_lost: [
    "answer_lost",
    "The broker lost this request's answer. It may have run; sending it again may cost again.",
  ],
};

const byState: Readonly<Record<EndState, readonly [ErrorCode, string]>> = {
  done: ["answer_lost", "The job is done, but the broker lost its answer."],
  failed: ["upstream_failed", "No provider answered this request."],
  cancelled: ["cancelled", "The job was cancelled."],
  expired: ["deadline_exceeded", "The deadline passed before the answer was complete."],
};

/**
 * An end to which a failed attempt leads. `too_large` is a refusal with status 413, `broken_off` a
 * failure after a part of the answer had been sent, and `too_late` one whose job has no time left.
 */
type UpstreamEnd = FailureReason | "too_large" | "broken_off" | "too_late";

const failed = (message: string): Explanation => ["upstream_failed", message];

const byUpstreamEnd: Readonly<Record<UpstreamEnd, Explanation>> = {
  connect: ["no_capacity", "No provider of this model can be reached."],
  auth: credentialRefused,
  not_found: credentialRefused,
  no_endpoint: credentialRefused,
  quota_exhausted: quotaUsedUp,
  rate_limited: allFull,
  engine_queue: allFull,
  bad_request: ["upstream_rejected", "The provider rejected this request."],
  unsupported: ["upstream_rejected", "The provider rejected this request."],
  too_large: ["payload_too_large", "The request is larger than the providers of this model take."],
  context_overflow: [
    "context_length_exceeded",
    "The request does not fit into the model's context.",
  ],
  request_timeout: failed("The provider gave up waiting for the request."),
  conflict: failed("The provider reported a conflict."),
  server_error: failed("The provider failed."),
  cut: failed("The provider broke off its answer."),
  malformed: failed("The provider's answer could not be read."),
  first_byte_timeout: failed("The provider did not begin to answer in time."),
  idle_timeout: failed("The provider stopped in the middle of its answer."),
  broken_off: failed("The provider failed after a part of the answer had been sent."),
  too_late: ["deadline_exceeded", "The deadline passed before a provider answered."],
};

/** Makes the error of a job whose last attempt failed. An upstream's own words are not in it. */
export function explainFailure(
  end: UpstreamEnd,
): Pick<ReplyError, "code" | "message" | "retryable"> {
  const [code, message, options] = byUpstreamEnd[end];
  return { code, message, ...(options?.retryable === false ? { retryable: false } : {}) };
}

/** Makes the error of a job that was not done, from its state and the code that is kept with it. */
export function explainEnd(state: EndState, code: string | null): BrokerError {
  if (code === "revoked" || code === "key_expired") return invalidApiKey();
  const known = code === null || state === "done" ? undefined : explanations[code];
  const [errorCode, message, options]: Explanation = known ?? byState[state];
  return new BrokerError(errorCode, message, options);
}

/** A failed job without a known code has this one: its answer did not come. */
const LOST = "answer_lost";

/**
 * Makes the error of a job that was ended by a statement and not by an upstream. A later reader of
 * the job sees the same words. `code` is the one that is kept with the job, if it is known.
 */
export function endError(
  state: EndState | "waiting" | "running" | null,
  code?: string,
): ReplyError {
  const ended = state === "expired" || state === "cancelled" ? state : "failed";
  const error = explainEnd(ended, code ?? (ended === "failed" ? LOST : null));
  const { message, retryAfterMs } = error;
  return {
    code: error.code,
    message,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(error.retryable === errorCatalogue[error.code].retryable ? {} : { retryable: false }),
  };
}
