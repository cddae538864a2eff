import { RequestError } from "./request-error.ts";

/**
 * Whether the same request may succeed later. The body of an answer can break off too: that is a
 * `TypeError` with a cause, unlike a mistake of ours.
 */
export function mayPass(error: unknown): boolean {
  if (error instanceof RequestError) return error.retryable;
  return error instanceof TypeError && error.cause !== undefined;
}
