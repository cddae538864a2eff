/** Throws an `Error` with these words unless the condition holds. */
export function expect(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(otherwise);
}

/** Asks again until `look` returns something, and returns it. Throws when it is late. */
export async function awaited<Value>(
  what: string,
  timeoutMs: number,
  look: () => Promise<Value | undefined>,
): Promise<Value> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value !== undefined) return value;
    expect(performance.now() < deadlineMs, `${what} not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
