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

/** `spillway serve`: API, workers and database in one process, until SIGINT or SIGTERM. */
export function serveCommand(deps: ServeDeps): Command {
  return new Command("serve")
    .description("run the broker: API, workers and, without DATABASE_URL, an embedded PostgreSQL")
    .action(async () => {
      const signals = listenForSignals();
      let stop: (graceMs: number) => Promise<void> = giveUpStarting;
      void signals.second.then(() => stop(0));
      const serving = await serve((text) => deps.stdout.write(`${text}\n`));
      stop = serving.stop;
      const failure = await Promise.race([signals.first, serving.failed]);
      deps.stderr.write(
        failure === undefined
          ? `Stopping: running requests have ${GRACE_MS / 1000} s; a second Ctrl-C cuts them off.\n`
          : `spillway: ${errorText(failure)}\n`,
      );
      await serving.stop(failure === undefined ? GRACE_MS : 0);
      deps.stderr.write("Stopped.\n");
      if (failure !== undefined) process.exitCode = 1;
      signals.close();
    });
}

/** A start that hangs must not outlive a user who insists. What it leaves the next one adopts. */
function giveUpStarting(): never {
  process.exit(1);
}

interface Signals {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  /** Afterwards a signal ends the process at once, as it does after the second. */
  close(): void;
}

function listenForSignals(): Signals {
  const first = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  let firstAtMs: number | undefined;
  const close = (): void => {
    process.off("SIGINT", heard);
    process.off("SIGTERM", heard);
  };
  const heard = (): void => {
    const nowMs = performance.now();
    if (firstAtMs === undefined) {
      firstAtMs = nowMs;
      first.resolve();
    } else if (nowMs - firstAtMs > SAME_SIGNAL_MS) {
      second.resolve();
      close();
    }
  };
  process.on("SIGINT", heard);
  process.on("SIGTERM", heard);
  return { first: first.promise, second: second.promise, close };
}
