import { setTimeout as sleep } from "node:timers/promises";

/** Throws an `Error` with these words unless the condition holds. */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Looks again and again until what is seen is as wanted. Throws an `Error` when it is late. */
export async function expectWithin<Value>(
  timeoutMs: number,
  look: () => Promise<Value>,
  wanted: (value: Value) => boolean,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (wanted(value)) return;
    const seen = JSON.stringify(value);
    expect(performance.now() < deadlineMs, `after ${timeoutMs / 1000} s it is still ${seen}`);
    await sleep(50);
  }
}
