import { Command } from "commander";
import { runUntilStopped } from "../processes/run-until-stopped.ts";
import { serve } from "../processes/serve.ts";

interface ServeDeps {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** `spillway serve`: API, workers and database in one process, until SIGINT or SIGTERM. */
export function serveCommand(deps: ServeDeps): Command {
  return new Command("serve")
    .description("run the broker: API, workers and, without DATABASE_URL, an embedded PostgreSQL")
    .action(() =>
      runUntilStopped(deps.stderr, (unhandledErrors) =>
        serve((text) => deps.stdout.write(`${text}\n`), unhandledErrors),
      ),
    );
}
