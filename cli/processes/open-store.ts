import { join, resolve } from "node:path";
import type { Environment } from "../../config/environment.ts";
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from "../embedded-postgres/embedded-postgres.ts";
import { useServer } from "../embedded-postgres/server-use.ts";
import { checkAnswers } from "./check-answers.ts";
import { errorText } from "../error-text.ts";
import { keepInstanceLock, StoreInUseError, type KeptInstanceLock } from "./keep-instance-lock.ts";

/** The database that this process works on. */
export interface Store {
  readonly databaseUrl: string;
  /** The URL for session locks. It differs from the other one only behind a pooler. */
  readonly directUrl: string;
  /** One line that says where the data is. */
  readonly description: string;
  /** Lines that a user should see. */
  readonly notices: readonly string[];
  /** Resolves when the broker must end: its database is gone or another process took it over. */
  readonly failed: Promise<Error>;
  /** Closes the store, after everything else. An embedded server stops with it. */
  close(): Promise<void>;
}

export interface OpenStoreOptions {
  /**
   * True for an all-in-one process: a second one fails with `StoreInUseError`. False for a single
   * command, which shares a server that runs.
   */
  readonly alone: boolean;
  readonly log: (line: string) => void;
  /** Reports what happens to the database while the broker runs. */
  readonly warn: (line: string) => void;
}

const MAX_STARTS = 3;

/**
 * Opens the configured database, or starts the embedded one. If neither is possible, it throws an
 * `Error` that says what to do.
 */
export async function openStore(
  environment: Environment,
  options: OpenStoreOptions,
): Promise<Store> {
  return environment.databaseUrl === undefined
    ? await openEmbedded(resolve(environment.dataDir), options)
    : await openGiven(environment.databaseUrl, environment.databaseDirectUrl, options);
}

async function openGiven(
  databaseUrl: string,
  databaseDirectUrl: string | undefined,
  { alone, warn }: OpenStoreOptions,
): Promise<Store> {
  const directUrl = databaseDirectUrl ?? databaseUrl;
  let lock: KeptInstanceLock | undefined;
  try {
    await checkAnswers(databaseUrl);
    if (alone)
      lock = await keepInstanceLock({
        databaseUrl: directUrl,
        inUse: "another Spillway runs on the database of DATABASE_URL; stop it, or use another one",
        revive: () => Promise.resolve(),
        log: warn,
      });
  } catch (error) {
    if (error instanceof StoreInUseError) throw error;
    throw new Error(`the database of DATABASE_URL cannot be used: ${errorText(error)}`, {
      cause: error,
    });
  }
  return {
    databaseUrl,
    directUrl,
    description: "PostgreSQL of DATABASE_URL",
    notices: [],
    failed: lock?.failed ?? never(),
    close: async () => lock?.release(),
  };
}

async function openEmbedded(dataDir: string, options: OpenStoreOptions): Promise<Store> {
  for (let starts = 1; ; starts += 1) {
    const postgres = await startEmbeddedPostgres({ dataDir, log: options.log });
    try {
      const { connectionString, filesDir, notices } = postgres;
      return {
        databaseUrl: connectionString,
        directUrl: connectionString,
        description: `embedded PostgreSQL in ${join(filesDir, "data")}`,
        notices,
        ...(options.alone
          ? await holdAlone(postgres, dataDir, options.warn)
          : await share(postgres)),
      };
    } catch (error) {
      if (error instanceof StoreInUseError) throw error;
      if (!postgres.adopted) await postgres.stop();
      // The server that was found may be the one that another process is just stopping.
      if (!postgres.adopted || starts === MAX_STARTS) throw error;
    }
  }
}

async function holdAlone(
  postgres: EmbeddedPostgres,
  dataDir: string,
  warn: (line: string) => void,
): Promise<Pick<Store, "failed" | "close">> {
  const lock = await keepInstanceLock({
    databaseUrl: postgres.connectionString,
    inUse: `another Spillway runs on ${dataDir}; stop it, or set SPILLWAY_DATA_DIR to another directory`,
    async revive() {
      if (await postgres.revive()) warn("PostgreSQL had ended and was started again");
    },
    log: warn,
  });
  return { failed: lock.failed, close: () => lock.release(() => postgres.stop()) };
}

/** Shares a server: the last process that uses it stops it, whoever started it. */
async function share(postgres: EmbeddedPostgres): Promise<Pick<Store, "failed" | "close">> {
  const use = await useServer(postgres.connectionString);
  return { failed: never(), close: () => use.end(() => postgres.stop()) };
}

function never(): Promise<Error> {
  return new Promise(() => undefined);
}
