import { errorText } from "../error-text.ts";
import { UnhandledErrors } from "./unhandled-errors.ts";

export interface LongRunning {
  /** Resolves when the process cannot go on and must be stopped. */
  readonly failed: Promise<Error>;
  /** Called again it changes the grace time that is left. */
  stop(graceMs: number): Promise<void>;
}

/** How long running requests may take to end after the first signal. */
const GRACE_MS = 10_000;
/** `npm start` passes on the Ctrl-C that the terminal has already sent: both are one. */
const SAME_SIGNAL_MS = 500;

/** What a second signal, or the loss of the database, leaves for an orderly end. */
const CUT_SHORT_MS = 10_000;
/** An end that nobody hurries along: a database that is gone keeps settlements waiting for ever. */
const LAST_RESORT_MS = 60_000;

/**
 * Runs until SIGINT, SIGTERM or a failure, and ends orderly; a second signal cuts it short. Errors
 * that nobody handles end nothing, but for a loop of them.
 */
export async function runUntilStopped(
  stderr: { write(text: string): unknown },
  start: (unhandledErrors: UnhandledErrors) => Promise<LongRunning>,
): Promise<void> {
  const unhandledErrors = new UnhandledErrors({ stderr, now: () => performance.now() });
  unhandledErrors.listen();
  const signals = listenForSignals();
  // A start that hangs must not outlive a user who insists; what it leaves, the next one adopts.
  let stop: (graceMs: number) => Promise<void> = exitWithFailure;
  const cutShort = (): void => {
    setTimeout(exitWithFailure, CUT_SHORT_MS).unref();
    void stop(0);
  };
  void signals.second.then(cutShort);
  const running = await start(unhandledErrors).catch((error: unknown) => {
    // What a failed start could not close must not keep the process, or nobody starts it again.
    setTimeout(exitWithFailure, CUT_SHORT_MS).unref();
    throw error;
  });
  stop = running.stop;
  const failure = await Promise.race([signals.first, running.failed, unhandledErrors.failed]);
  if (failure === undefined) {
    stderr.write(
      `Stopping: running requests have ${GRACE_MS / 1000} s; a second Ctrl-C cuts them off.\n`,
    );
    setTimeout(exitWithFailure, LAST_RESORT_MS).unref();
  } else {
    stderr.write(`spillway: ${errorText(failure)}\n`);
    process.exitCode = 1;
    cutShort();
  }
  await running.stop(failure === undefined ? GRACE_MS : 0);
  stderr.write("Stopped.\n");
}

function exitWithFailure(): never {
  process.exit(1);
}

interface Signals {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
}

/** To the process's very end: a third Ctrl-C does not turn an orderly end into a killed one. */
function listenForSignals(): Signals {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let firstAtMs: number | undefined;
  const heard = (): void => {
    const nowMs = performance.now();
    firstAtMs ??= nowMs;
    first.resolve();
    if (nowMs - firstAtMs > SAME_SIGNAL_MS) second.resolve();
  };
  process.on("SIGINT", heard);
  process.on("SIGTERM", heard);
  return { first: first.promise, second: second.promise };
}
