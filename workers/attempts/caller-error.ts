import type { FailureReason } from "../../shared/contracts/failure-reason.ts";
import type { UpstreamError } from "../../shared/contracts/outcome.ts";
import type { ReplyError } from "../../shared/contracts/reply.ts";
import { accountErrors } from "../../shared/errors/account-errors.ts";

/** The failure that ended a job. */
export interface LastFailure {
  readonly reason: FailureReason;
  readonly status?: number;
  /** The provider or its rest asks for this pause. */
  readonly retryAfterMs?: number;
  /** The upstream's own words. */
  readonly error?: UpstreamError;
}

const full = {
  connect: { code: "no_capacity", message: "No provider of this model can be reached." },
  rate_limited: {
    code: "rate_limit_exceeded",
    message: "The providers of this model take no more requests for the moment.",
  },
} as const;

const failures = {
  request_timeout: "The provider gave up waiting for the request.",
  conflict: "The provider reported a conflict.",
  server_error: "The provider failed.",
  cut: "The provider broke off its answer.",
  malformed: "The provider's answer could not be read.",
  first_byte_timeout: "The provider did not begin to answer in time.",
  idle_timeout: "The provider stopped in the middle of its answer.",
} as const;

export const brokenOff: ReplyError = {
  code: "upstream_failed",
  message: "The provider failed after a part of the answer had been sent.",
};

export const tooLate: ReplyError = {
  code: "deadline_exceeded",
  message: "The deadline passed before a provider answered.",
};

/** Words a job's last failure for its caller. Only the log has the details. */
export function callerError(failure: LastFailure): ReplyError {
  const { reason, error, retryAfterMs } = failure;
  const when = retryAfterMs === undefined ? {} : { retryAfterMs };
  switch (reason) {
    case "bad_request":
    case "unsupported":
      return rejected(failure);
    case "context_overflow":
      return {
        code: "context_length_exceeded",
        message: error?.message ?? "The request does not fit into the model's context.",
        ...(error?.param === undefined ? {} : { param: error.param }),
      };
    case "auth":
    case "not_found":
    case "no_endpoint":
      return accountErrors.credential;
    case "quota_exhausted":
      return accountErrors.quota;
    case "connect":
    case "rate_limited":
      return { ...full[reason], ...when };
    case "engine_queue":
      return { ...full.rate_limited, ...when };
    case "request_timeout":
    case "conflict":
    case "server_error":
    case "cut":
    case "malformed":
    case "first_byte_timeout":
    case "idle_timeout":
  }
  return { code: "upstream_failed", message: failures[reason], ...when };
}

function rejected({ status, error }: LastFailure): ReplyError {
  const isTooLarge = status === 413;
  return {
    code: isTooLarge ? "payload_too_large" : "upstream_rejected",
    message:
      error?.message ??
      (isTooLarge
        ? "The request is larger than the providers of this model take."
        : "The provider rejected this request."),
    ...(error?.param === undefined ? {} : { param: error.param }),
    ...(error?.code === undefined ? {} : { wireCode: error.code }),
  };
}
