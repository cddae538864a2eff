import { errorText } from "../error-text.ts";
import { UnhandledErrors } from "./unhandled-errors.ts";

export interface LongRunning {
  /** Resolves when the process cannot go on and must be stopped. */
  readonly failed: Promise<Error>;
  /** Stops the broker. A later call changes the grace time that is left. */
  stop(graceMs: number): Promise<void>;
}

/** Running requests may take this long to end after the first signal. */
const GRACE_MS = 10_000;
/**
 * `npm start` passes on the Ctrl-C that the terminal has already sent. Two signals within this time
 * count as one.
 */
const SAME_SIGNAL_MS = 500;

/** An orderly end may take this long after a second signal, or after the loss of the database. */
const CUT_SHORT_MS = 10_000;
/**
 * An end that nobody hurries may take this long. Without a database, settlements would wait for
 * ever.
 */
const LAST_RESORT_MS = 60_000;

/**
 * Runs until SIGINT, SIGTERM or a failure, and ends in order. A second signal cuts the end short.
 * Unhandled errors end the process only when they come in a loop.
 */
export async function runUntilStopped(
  stderr: { write(text: string): unknown },
  start: (unhandledErrors: UnhandledErrors) => Promise<LongRunning>,
): Promise<void> {
  const unhandledErrors = new UnhandledErrors({ stderr, now: () => performance.now() });
  unhandledErrors.listen();
  const signals = listenForSignals();
  // A start that hangs must not outlive a user who insists. The next start adopts what it leaves.
  let stop: (graceMs: number) => Promise<void> = exitWithFailure;
  const cutShort = (): void => {
    setTimeout(exitWithFailure, CUT_SHORT_MS).unref();
    void stop(0);
  };
  void signals.second.then(cutShort);
  const running = await start(unhandledErrors).catch((error: unknown) => {
    // Resources that a failed start could not close must not keep the process alive, or nobody
    // starts it again.
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

/**
 * Listens until the very end of the process: a third Ctrl-C must not turn an orderly end into a
 * kill.
 */
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
