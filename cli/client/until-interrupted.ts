/** The exit code that a shell reports of a program ended by Ctrl-C. */
export const INTERRUPTED = 130;

/**
 * Runs the work until it is done, or aborts it at Ctrl-C or SIGTERM; then calls `onInterrupted` and
 * sets the exit code.
 */
export async function untilInterrupted(
  work: (signal: AbortSignal) => Promise<void>,
  onInterrupted: () => void,
): Promise<void> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort();
  // After the first signal the handler is gone, so a second one ends the process at once.
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    await work(interrupt.signal);
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    onInterrupted();
    process.exitCode = INTERRUPTED;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}
