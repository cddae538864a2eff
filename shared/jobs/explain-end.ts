import type { EndState, ReplyError } from "../contracts/reply.ts";
import { accountErrors } from "../errors/account-errors.ts";
import { BrokerError, type BrokerErrorOptions } from "../errors/broker-error.ts";
import { errorCatalogue, type ErrorCode } from "../errors/catalogue.ts";
import { invalidApiKey } from "../keys/invalid-api-key.ts";

type Explanation = readonly [code: ErrorCode, message: string, options?: BrokerErrorOptions];

const { credential, quota } = accountErrors;

/** What a caller is told, by the code that is kept with the job. */
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
  provider_credential: [credential.code, credential.message, { retryable: false }],
  provider_quota: [quota.code, quota.message, { retryable: false }],
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

/** What a caller is told of a job that did not get done, by its state and the code kept with it. */
export function explainEnd(state: EndState, code: string | null): BrokerError {
  if (code === "revoked" || code === "key_expired") return invalidApiKey();
  const known = code === null || state === "done" ? undefined : explanations[code];
  const [errorCode, message, options]: Explanation = known ?? byState[state];
  return new BrokerError(errorCode, message, options);
}

/** The code of a state that says nothing of the reason: its answer did not come. */
const LOST = "answer_lost";

/**
 * Words the end of a job that a statement ended, and no upstream, in the same words as whoever reads
 * the job later. `code`: the one that is kept with the job, if it is known.
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
