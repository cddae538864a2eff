/** The first window and the largest. */
export interface BackOffLimits {
  readonly baseMs: number;
  readonly capMs: number;
}

const defaultLimits: BackOffLimits = { baseMs: 250, capMs: 10_000 };

/**
 * Returns full jitter: a whole number of milliseconds anywhere between zero and
 * `min(capMs, baseMs * 2 ** (attempt - 1))`, so that callers who failed together do not come back
 * together. `attempt` counts failures from 1; `random` is uniform in [0, 1).
 * Source: Marc Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
 */
export function fullJitterMs(
  attempt: number,
  random: () => number,
  limits: BackOffLimits = defaultLimits,
): number {
  const windowMs = Math.min(limits.capMs, limits.baseMs * 2 ** Math.max(0, attempt - 1));
  return Math.floor(random() * windowMs);
}
