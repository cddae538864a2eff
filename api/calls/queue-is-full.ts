import { BrokerError } from "../../shared/errors/broker-error.ts";

export interface FullQueue {
  /** The advice to the caller; 5 s by default. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

const RETRY_AFTER_MS = 5_000;

/** Makes the error for a caller when the backlog, or Redis, has no room for another request. */
export function queueIsFull({ retryAfterMs = RETRY_AFTER_MS, cause }: FullQueue = {}): BrokerError {
  return new BrokerError(
    "rate_limit_exceeded",
    `The queue is full. Try again in ${Math.ceil(retryAfterMs / 1_000)} s.`,
    { retryAfterMs, cause },
  );
}
