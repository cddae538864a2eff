import type { FailedEnd } from "../call-end.ts";
import { readRetryAfterMs, readToldWaitMs } from "../http/retry-after.ts";
import type { ErrorResponse } from "../wire-format.ts";
import { classifyError } from "./classify-error.ts";
import { readUpstreamError } from "./upstream-error.ts";

/** Statuses that pass with time. */
const PASSING: ReadonlySet<number> = new Set([429, 503, 529]);

/** Says what an answer without a 2xx status means. */
export function readErrorResponse({ status, headers, body }: ErrorResponse): FailedEnd {
  const upstreamError = readUpstreamError(body);
  const toldMs = PASSING.has(status) ? readToldWaitMs(body, upstreamError?.message) : undefined;
  return classifyError({
    status,
    upstreamError,
    isJson: typeof body !== "string",
    retryAfterMs: readRetryAfterMs(headers, new Date()) ?? toldMs,
  });
}
