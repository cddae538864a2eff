import { Command } from "commander";
import { readEnvironment } from "../../config/environment.ts";
import { readProcessOptions } from "../processes/read-process-options.ts";
import { startWorkerProcess } from "../processes/worker.ts";
import { runUntilStopped, type LongRunning } from "../processes/run-until-stopped.ts";
import { listenProblem } from "../processes/listen-address.ts";

interface WorkerCommandDeps {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** `spillway worker`: one worker process of a fleet, until SIGINT or SIGTERM. */
export function workerCommand({ stdout, stderr }: WorkerCommandDeps): Command {
  return new Command("worker")
    .description("run one worker process on REDIS_URL and DATABASE_URL")
    .action(() =>
      runUntilStopped(stderr, async (unhandledErrors): Promise<LongRunning> => {
        const environment = readEnvironment();
        const options = await readProcessOptions(environment);
        unhandledErrors.logTo(options.log);
        const { host, port } = environment;
        const listen = port === undefined ? undefined : { host, port };
        const worker = await startWorkerProcess({
          ...options,
          listen,
          unhandledErrors: unhandledErrors.counts,
        }).catch((error: unknown) => {
          throw listenProblem(error, host, port ?? 0) ?? error;
        });
        stdout.write(
          `Spillway worker runs${worker.url === undefined ? "" : `, health at ${worker.url}`}\n`,
        );
        return { failed: new Promise(() => undefined), stop: (graceMs) => worker.stop(graceMs) };
      }),
    );
}
