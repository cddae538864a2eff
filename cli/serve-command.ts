import { Command } from "commander";
import { errorText } from "./error-text.ts";
import { serve } from "./serve/serve.ts";

interface ServeDeps {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** How long running requests may take to end after the first signal. */
const GRACE_MS = 10_000;
/** `npm start` passes on the Ctrl-C that the terminal has already sent: both are one. */
const SAME_SIGNAL_MS = 500;

/** What a second signal, or the loss of the database, leaves for an orderly end. */
const CUT_SHORT_MS = 10_000;
/** An end that nobody hurries along: a database that is gone keeps settlements waiting for ever. */
const LAST_RESORT_MS = 60_000;

/** `spillway serve`: API, workers and database in one process, until SIGINT or SIGTERM. */
export function serveCommand(deps: ServeDeps): Command {
  return new Command("serve")
    .description("run the broker: API, workers and, without DATABASE_URL, an embedded PostgreSQL")
    .action(async () => {
      const signals = listenForSignals();
      // A start that hangs must not outlive a user who insists; what it leaves, the next one adopts.
      let stop: (graceMs: number) => Promise<void> = exitWithFailure;
      const cutShort = (): void => {
        setTimeout(exitWithFailure, CUT_SHORT_MS).unref();
        void stop(0);
      };
      void signals.second.then(cutShort);
      const serving = await serve((text) => deps.stdout.write(`${text}\n`));
      stop = serving.stop;
      const failure = await Promise.race([signals.first, serving.failed]);
      if (failure === undefined) {
        deps.stderr.write(
          `Stopping: running requests have ${GRACE_MS / 1000} s; a second Ctrl-C cuts them off.\n`,
        );
        setTimeout(exitWithFailure, LAST_RESORT_MS).unref();
      } else {
        deps.stderr.write(`spillway: ${errorText(failure)}\n`);
        process.exitCode = 1;
        cutShort();
      }
      await serving.stop(failure === undefined ? GRACE_MS : 0);
      deps.stderr.write("Stopped.\n");
      signals.close();
    });
}

function exitWithFailure(): never {
  process.exit(1);
}

interface Signals {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  close(): void;
}

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
  return {
    first: first.promise,
    second: second.promise,
    close() {
      process.off("SIGINT", heard);
      process.off("SIGTERM", heard);
    },
  };
}
