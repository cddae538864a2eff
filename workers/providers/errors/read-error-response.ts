import type { FailedEnd } from "../call-end.ts";
import { readHeaderRetryAfterMs, readBodyRetryAfterMs } from "../http/retry-after.ts";
import type { ErrorResponse } from "../wire-format.ts";
import { classifyError } from "./classify-error.ts";
import { readUpstreamError } from "./upstream-error.ts";

/** Statuses of errors that pass with time. */
const PASSING: ReadonlySet<number> = new Set([429, 503, 529]);

/** Says what an answer with a status of 300 or more means. */
export function readErrorResponse({ status, headers, body }: ErrorResponse): FailedEnd {
  const upstreamError = readUpstreamError(body);
  const bodyMs = PASSING.has(status)
    ? readBodyRetryAfterMs(body, upstreamError?.message)
    : undefined;
  return classifyError({
    status,
    upstreamError,
    isJson: typeof body !== "string",
    retryAfterMs: readHeaderRetryAfterMs(headers, new Date()) ?? bodyMs,
  });
}
