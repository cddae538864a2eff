import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeBenchConfig } from "./bench-config.ts";
import { benchPostgres } from "./bench-postgres.ts";
import { budgetedKey } from "./budgeted-key.ts";
import { startProgram } from "./start-program.ts";
import type { SystemOptions, System } from "./system.ts";

const OWN_CHECKOUT = fileURLToPath(new URL("../../../", import.meta.url));
const ADMIN_KEY = "sk-admin-bench";

/** Starts `spillway serve` as `npm start` does: one process, and its own PostgreSQL. */
export async function startEmbedded(options: SystemOptions, name = "embedded"): Promise<System> {
  const dataDir = join(options.runDir, name);
  const program = join(options.checkout ?? OWN_CHECKOUT, "cli/spillway.ts");
  const resources = new AsyncDisposableStack();
  try {
    const broker = await startProgram({
      name,
      file: process.execPath,
      args: [...(options.nodeArgs?.("serve") ?? []), program, "serve"],
      env: {
        SPILLWAY_CONFIG: await writeBenchConfig(options.runDir, options.upstreamUrl),
        SPILLWAY_DATA_DIR: dataDir,
        SPILLWAY_ADMIN_KEY: ADMIN_KEY,
        SPILLWAY_PORT: "0",
      },
      logDir: options.runDir,
      ready: /Spillway runs at (\S+)\s/,
    });
    resources.defer(broker.stop);
    const postgres = await benchPostgres(dataDir);
    // The broker ends first and stops its server, so that only the files are left.
    resources.defer(async () => {
      await broker.stop();
      await postgres.stop();
    });
    return {
      name: "embedded",
      baseUrl: `${broker.readyText}/v1`,
      headers: await budgetedKey(broker.readyText, ADMIN_KEY),
      processes: { broker: broker.pid, PostgreSQL: postgres.pid },
      databaseUrl: postgres.url,
      stop: () => resources.disposeAsync(),
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
