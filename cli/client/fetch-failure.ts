import { RequestError } from "./request-error.ts";

/**
 * Tells whether the same request may succeed later. The body of an answer can also break off:
 * `fetch` then throws a `TypeError` with a cause, and a `TypeError` of our own code has none.
 */
export function mayPass(error: unknown): boolean {
  if (error instanceof RequestError) return error.retryable;
  return error instanceof TypeError && error.cause !== undefined;
}

/** `fetch` says only "fetch failed" or "terminated"; the reason is in `cause`. */
export function fetchCause(error: unknown): unknown {
  return error instanceof TypeError ? (error.cause ?? error) : error;
}
