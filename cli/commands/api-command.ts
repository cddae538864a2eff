import { join, resolve } from "node:path";
import { Command } from "commander";
import { readEnvironment, type Environment } from "../../config/environment.ts";
import { newSecret } from "../../shared/keys/key-secret.ts";
import { startApiProcess } from "../processes/api.ts";
import { readProcessOptions } from "../processes/read-process-options.ts";
import { runUntilStopped, type LongRunning } from "../processes/run-until-stopped.ts";
import { exposure } from "../processes/listen-address.ts";
import { keptSecret } from "../processes/kept-secret.ts";
import { listenProblem } from "../processes/listen-address.ts";

interface ApiCommandDeps {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const DEFAULT_PORT = 4600;

/** `spillway api`: one API process of a fleet, until SIGINT or SIGTERM. */
export function apiCommand({ stdout, stderr }: ApiCommandDeps): Command {
  return new Command("api")
    .description("run one API process on REDIS_URL and DATABASE_URL")
    .action(() =>
      runUntilStopped(stderr, async (unhandledErrors): Promise<LongRunning> => {
        const environment = readEnvironment();
        const options = await readProcessOptions(environment);
        unhandledErrors.logTo(options.log);
        const { host, port = DEFAULT_PORT } = environment;
        const adminKey = await readAdminKey(environment);
        const api = await startApiProcess({
          ...options,
          ...adminKey,
          host,
          port,
          unhandledErrors: unhandledErrors.counts,
        }).catch((error: unknown) => {
          throw listenProblem(error, host, port) ?? error;
        });
        stdout.write(
          [
            `Spillway API runs at ${api.url}`,
            `  admin key  ${adminKey.source}`,
            ...exposure(host).map((notice) => `  note       ${notice}`),
            "",
          ].join("\n"),
        );
        return { failed: new Promise(() => undefined), stop: (graceMs) => api.stop(graceMs) };
      }),
    );
}

/** Several API processes need the same given key; a single one makes its own and stores it. */
async function readAdminKey({
  adminKey,
  dataDir,
}: Environment): Promise<{ adminKey: string; source: string }> {
  if (adminKey !== undefined) return { adminKey, source: "from SPILLWAY_ADMIN_KEY" };
  const file = resolve(join(dataDir, "admin-key"));
  return {
    adminKey: await keptSecret(file, () => newSecret().secret.replace("sk-", "sk-admin-")),
    source: `in ${file}; other hosts need the same one in SPILLWAY_ADMIN_KEY`,
  };
}
