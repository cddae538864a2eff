import { Command } from "commander";
import { serve } from "./serve/serve.ts";

interface ServeDeps {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** How long running requests may take to end after the first signal. */
const GRACE_MS = 10_000;

/** `spillway serve`: API, workers and database in one process, until SIGINT or SIGTERM. */
export function serveCommand(deps: ServeDeps): Command {
  return new Command("serve")
    .description("run the broker: API, workers and, without DATABASE_URL, an embedded PostgreSQL")
    .action(async () => {
      const signal = nextSignal();
      const serving = await serve((text) => deps.stdout.write(`${text}\n`));
      await signal;
      deps.stderr.write("Stopping: running requests have 10 s; a second Ctrl-C cuts them off.\n");
      void nextSignal().then(() => serving.stop(0));
      await serving.stop(GRACE_MS);
      deps.stderr.write("Stopped.\n");
    });
}

function nextSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = (): void => {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
    resolve();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  return promise;
}
