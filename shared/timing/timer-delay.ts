/** The longest delay of a JavaScript timer in milliseconds, about 24 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Limits a delay to the range of a timer. Node ends a timer with a longer delay at once, so a timer
 * that should run longer ends early, after `MAX_TIMER_MS`.
 */
export function timerDelay(ms: number): number {
  return Math.min(Math.max(ms, 0), MAX_TIMER_MS);
}
