import { vi } from "vitest";

/**
 * Repeats a check until it no longer throws and returns what it returned. Rejects with the check's
 * last error once the time is over. `everyMs` is longer for checks that cost more than they wait.
 */
export async function eventually<Value>(
  check: () => Value | Promise<Value>,
  withinMs = 120_000,
  everyMs = 20,
): Promise<Value> {
  return await vi.waitFor(check, { timeout: withinMs, interval: everyMs });
}
