import type { FailureReason } from "../../shared/contracts/failure-reason.ts";
import type { UpstreamError } from "../../shared/contracts/outcome.ts";
import type { ReplyError } from "../../shared/contracts/reply.ts";
import { explainFailure } from "../../shared/jobs/explain-end.ts";

/** The failure that ended a job. */
export interface LastFailure {
  readonly reason: FailureReason;
  readonly status?: number;
  /** The provider or its rest asks for this pause. */
  readonly retryAfterMs?: number;
  /** The upstream's own words. */
  readonly error?: UpstreamError;
}

/** Words a job's last failure for its caller. Only the log has the details. */
export function callerError({ reason, status, retryAfterMs, error }: LastFailure): ReplyError {
  const isRejected = reason === "bad_request" || reason === "unsupported";
  const words = explainFailure(isRejected && status === 413 ? "too_large" : reason);
  if (isRejected || reason === "context_overflow")
    return {
      ...words,
      ...(error === undefined ? {} : { message: error.message }),
      ...(error?.param === undefined ? {} : { param: error.param }),
      ...(error?.code === undefined || !isRejected ? {} : { wireCode: error.code }),
    };
  // No pause helps if only the operator can mend the provider.
  if (words.retryable === false || retryAfterMs === undefined) return words;
  return { ...words, retryAfterMs };
}
