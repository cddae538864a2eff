import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import { environmentLookup, readEnvironment, type Environment } from "../../config/environment.ts";
import { createPool } from "../../shared/db/pool.ts";
import { newSecret } from "../../shared/keys/key-secret.ts";
import { errorText } from "../error-text.ts";
import { processLog } from "./process-log.ts";
import type { UnhandledErrors } from "./unhandled-errors.ts";
import { startAllInOne } from "./all-in-one.ts";
import { exposure } from "./listen-address.ts";
import { demoKey } from "./demo-key.ts";
import { keptSecret } from "./kept-secret.ts";
import { loadServeConfig } from "./load-serve-config.ts";
import { listenProblem } from "./listen-address.ts";
import { openStore } from "./open-store.ts";
import { welcome } from "./welcome.ts";

export interface Serving {
  readonly url: string;
  /** Resolves when the broker cannot go on and must be stopped. */
  readonly failed: Promise<Error>;
  /**
   * Lets running calls end within the grace time, then stops everything, PostgreSQL last. A later
   * call changes the grace time that is left.
   */
  stop(graceMs: number): Promise<void>;
}

const DEFAULT_PORT = 4600;

/**
 * Runs `spillway serve`: everything in one process, on the database of `DATABASE_URL` or an
 * embedded one, with the configured providers or the demo. Resolves when it answers requests.
 */
export async function serve(
  print: (text: string) => void,
  unhandledErrors: UnhandledErrors,
): Promise<Serving> {
  const environment = readEnvironment();
  const log = processLog(environment.logLevel);
  unhandledErrors.logTo(log);
  const resources = new AsyncDisposableStack();
  try {
    const { config, source, demo, close } = await loadServeConfig(environment, environmentLookup());
    resources.defer(close);
    await mkdir(environment.dataDir, { recursive: true }).catch((error: unknown) => {
      throw new Error(`SPILLWAY_DATA_DIR: cannot be made: ${errorText(error)}`, { cause: error });
    });
    const store = await openStore(environment, {
      alone: true,
      log: (line) => log.debug(line),
      warn: (line) => log.warn(line),
    });
    // It is deferred before everything that uses it, and therefore closed after that.
    const running = new AsyncDisposableStack();
    resources.defer(() => store.close());
    resources.use(running);

    const adminKeyFile = resolve(join(environment.dataDir, "admin-key"));
    const { host, port = DEFAULT_PORT } = environment;
    const broker = await startAllInOne({
      config,
      databaseUrl: store.databaseUrl,
      directUrl: store.directUrl,
      redisUrl: environment.redisUrl,
      redisPrefix: environment.redisPrefix,
      adminKey:
        environment.adminKey ??
        (await keptSecret(adminKeyFile, () => newSecret().secret.replace("sk-", "sk-admin-"))),
      host,
      port,
      log,
      unhandledErrors: unhandledErrors.counts,
    }).catch((error: unknown) => {
      throw listenProblem(error, host, port) ?? error;
    });
    let graceMs = 0;
    running.defer(() => broker.stop(graceMs));
    print(
      welcome({
        url: broker.api.url,
        config,
        source,
        store: store.description,
        adminKey:
          environment.adminKey === undefined ? `in ${adminKeyFile}` : "from SPILLWAY_ADMIN_KEY",
        demoKey: demo ? await firstKey(environment, store.databaseUrl, log) : undefined,
        notices: [...store.notices, ...exposure(environment.host)],
      }),
    );
    let stopping: Promise<void> | undefined;
    return {
      url: broker.api.url,
      failed: store.failed,
      async stop(grace) {
        graceMs = grace;
        if (stopping === undefined) stopping = resources.disposeAsync();
        else void broker.stop(grace);
        await stopping;
      },
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

async function firstKey(
  environment: Environment,
  connectionString: string,
  log: Logger,
): Promise<string> {
  const pool = createPool({
    connectionString,
    maxConnections: 1,
    applicationName: "spillway-demo",
    onIdleError: (error) => log.warn({ err: error }, "a database connection was lost"),
  });
  try {
    return await demoKey(pool, resolve(join(environment.dataDir, "demo-key")));
  } finally {
    await pool.end();
  }
}
