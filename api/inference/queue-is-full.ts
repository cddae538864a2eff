import { BrokerError } from "../../shared/errors/broker-error.ts";

const RETRY_AFTER_MS = 5_000;

/** What a caller is told when the backlog, or Redis, has no room for another request. */
export function queueIsFull(cause?: unknown): BrokerError {
  return new BrokerError("rate_limit_exceeded", "The queue is full.", {
    retryAfterMs: RETRY_AFTER_MS,
    cause,
  });
}
