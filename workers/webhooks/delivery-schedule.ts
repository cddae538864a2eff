const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/**
 * The pauses before the second and each later attempt, about three days in all.
 * Source: Standard Webhooks 1.0.0, "Delivery attempts and retries".
 */
const pausesMs = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
/**
 * A pause is longer or shorter by this share at most, so that deliveries that failed together do
 * not return together.
 */
const JITTER = 0.1;
const MAX_RETRY_AFTER_MS = 24 * HOUR;

/**
 * Returns how long to wait after so many failures, in milliseconds, or undefined when there are no
 * more attempts. A receiver's `retry-after` makes the pause longer, never shorter, and counts up to
 * a day. `random` is uniform in [0, 1).
 */
export function nextPauseMs(
  failures: number,
  random: () => number,
  retryAfterMs = 0,
): number | undefined {
  const pauseMs = pausesMs[failures - 1];
  if (pauseMs === undefined) return undefined;
  const jittered = Math.round(pauseMs * (1 - JITTER + 2 * JITTER * random()));
  return Math.max(jittered, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS));
}
