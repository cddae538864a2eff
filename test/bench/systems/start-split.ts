import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeBenchConfig } from "./bench-config.ts";
import { benchPostgres } from "./bench-postgres.ts";
import { budgetedKey } from "./budgeted-key.ts";
import { runToEnd } from "./run-to-end.ts";
import { startProgram } from "./start-program.ts";
import { startRedis } from "./start-redis.ts";
import type { SystemOptions, System } from "./system.ts";

const OWN_CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));
const ADMIN_KEY = "sk-admin-bench";

/** Starts one `spillway api` and one `spillway worker`, with their own Redis and PostgreSQL. */
export async function startSplit(options: SystemOptions, name = "split"): Promise<System> {
  const program = join(options.checkout ?? OWN_CHECKOUT, "cli/spillway.ts");
  const resources = new AsyncDisposableStack();
  try {
    const redis = await startRedis(options.runDir, name);
    resources.defer(redis.stop);
    const postgres = await benchPostgres(join(options.runDir, name));
    resources.defer(postgres.stop);
    const env = {
      SPILLWAY_CONFIG: await writeBenchConfig(options.runDir, options.upstreamUrl, options.slots),
      SPILLWAY_ADMIN_KEY: ADMIN_KEY,
      DATABASE_URL: postgres.url,
      DATABASE_DIRECT_URL: postgres.url,
      REDIS_URL: redis.url,
    };
    await runToEnd(process.execPath, [program, "migrate"], env);
    const start = async (command: "api" | "worker", ready: RegExp, more = {}) => {
      const started = await startProgram({
        name: `${name}-${command}`,
        file: process.execPath,
        args: [...(options.nodeArgs?.(command) ?? []), program, command],
        env: { ...env, ...more },
        logDir: options.runDir,
        ready,
      });
      resources.defer(started.stop);
      return started;
    };
    const worker = await start("worker", /Spillway worker runs/);
    const api = await start("api", /Spillway API runs at (\S+)\s/, { SPILLWAY_PORT: "0" });
    return {
      name: "split",
      baseUrl: `${api.readyText}/v1`,
      headers: await budgetedKey(api.readyText, ADMIN_KEY),
      processes: { API: api.pid, worker: worker.pid, Redis: redis.pid, PostgreSQL: postgres.pid },
      databaseUrl: postgres.url,
      stop: () => resources.disposeAsync(),
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
