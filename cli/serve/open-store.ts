import { join, resolve } from "node:path";
import type { Environment } from "../../config/environment.ts";
import { startEmbeddedPostgres } from "../embedded-postgres/embedded-postgres.ts";
import { takeInstanceLock } from "../embedded-postgres/instance-lock.ts";

/** The database that this process works on. */
export interface Store {
  readonly databaseUrl: string;
  /** For session locks; the same unless the database is behind a pooler. */
  readonly directUrl: string;
  /** One line that says where the data is. */
  readonly description: string;
  /** Lines that a user should see. */
  readonly notices: readonly string[];
  /** Last of all: an embedded server stops with it. */
  close(): Promise<void>;
}

/** Thrown when another process works on the same data directory. */
export class StoreInUseError extends Error {
  override readonly name = "StoreInUseError";
}

/**
 * Opens the configured database, or starts the embedded one. The embedded one serves a single
 * all-in-one process: while that lives, `alone` makes a second one fail with `StoreInUseError`,
 * and without `alone` (for one command) the running server is shared.
 */
export async function openStore(
  environment: Environment,
  options: { readonly alone: boolean; readonly log: (line: string) => void },
): Promise<Store> {
  const { databaseUrl, databaseDirectUrl, dataDir } = environment;
  if (databaseUrl !== undefined)
    return {
      databaseUrl,
      directUrl: databaseDirectUrl ?? databaseUrl,
      description: "PostgreSQL of DATABASE_URL",
      notices: [],
      close: () => Promise.resolve(),
    };
  const postgres = await startEmbeddedPostgres({ dataDir: resolve(dataDir), log: options.log });
  // Whoever started the server must hold the lock too, or an `npm start` could adopt it meanwhile.
  const lock =
    options.alone || !postgres.adopted ? await takeInstanceLock(postgres.connectionString) : null;
  if (options.alone && lock === null)
    throw new StoreInUseError(
      `another Spillway runs on ${resolve(dataDir)}; stop it, or set SPILLWAY_DATA_DIR to another directory`,
    );
  return {
    databaseUrl: postgres.connectionString,
    directUrl: postgres.connectionString,
    description: `embedded PostgreSQL in ${join(postgres.filesDir, "data")}`,
    notices: postgres.notices,
    async close() {
      await lock?.release();
      if (lock !== null) await postgres.stop();
    },
  };
}
