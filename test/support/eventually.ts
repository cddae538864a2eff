import { vi } from "vitest";

/**
 * Repeats a check until it no longer throws and returns what it returned. Rejects with the check's
 * last error once the time is over.
 */
export async function eventually<Value>(
  check: () => Value | Promise<Value>,
  withinMs = 5_000,
): Promise<Value> {
  return await vi.waitFor(check, { timeout: withinMs, interval: 20 });
}
