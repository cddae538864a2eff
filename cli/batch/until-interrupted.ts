/** What a shell reports of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

/** Runs until it is done or until Ctrl-C, which ends it after `told` has said what that means. */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<void>,
  told: () => void,
): Promise<void> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  // Once: a second one ends the process at once.
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    await work(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    told();
    process.exitCode = INTERRUPTED;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
