import { setTimeout as sleep } from "node:timers/promises";

/** Throws an `Error` with this message unless the condition holds. */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Repeats `look` until its value is as expected. Throws an `Error` after `timeoutMs`. */
export async function expectWithin<Value>(
  timeoutMs: number,
  look: () => Promise<Value>,
  wanted: (value: Value) => boolean,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (wanted(value)) return;
    const found = JSON.stringify(value);
    expect(performance.now() < deadlineMs, `after ${timeoutMs / 1000} s it is still ${found}`);
    await sleep(50);
  }
}
