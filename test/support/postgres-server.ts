import { Client } from "pg";
import { expect } from "vitest";
import { copyCluster } from "./cluster-template.ts";
import { eventually } from "./eventually.ts";
import { freezeProcesses } from "./freeze-processes.ts";
import { startThrowAwayPostgres } from "./throw-away-postgres.ts";

/** A PostgreSQL server that one test has for itself, to stop and to freeze. */
export interface TestPostgres {
  /** The URL of a migrated database. */
  readonly url: string;
  /** After this the server accepts connections and bytes, but answers nothing. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends every session and the server; nothing listens until `startServer`. */
  stopServer(): Promise<void>;
  /** Starts the server again at the same address, with its data. */
  startServer(): Promise<void>;
  /**
   * Ends the sessions whose application name matches an SQL pattern. Resolves with their number.
   */
  terminateSessions(applicationNamePattern?: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts an embedded server, also when the run uses the one of `DATABASE_URL`. */
export async function startTestPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<TestPostgres> {
  const postgres = await startThrowAwayPostgres(settings, copyCluster);
  let continueAll: (() => void) | undefined;
  const thaw = (): Promise<void> => {
    continueAll?.();
    continueAll = undefined;
    return Promise.resolve();
  };
  return {
    url: postgres.url,
    async freeze() {
      if (continueAll !== undefined) return;
      const pid = await postgres.pid();
      if (pid === undefined) throw new Error("the server does not run");
      continueAll = await freezeProcesses(pid);
    },
    thaw,
    async stopServer() {
      await thaw();
      const pid = await postgres.pid();
      if (pid === undefined) return;
      process.kill(pid, "SIGINT"); // SIGINT is PostgreSQL's "fast" shutdown.
      await eventually(async () => expect(await postgres.pid()).toBeUndefined(), 30_000);
    },
    startServer: () => postgres.revive(),
    terminateSessions: (pattern = "%") => terminateSessions(postgres.url, pattern),
    async stop() {
      await thaw();
      await postgres.stop();
    },
  };
}

async function terminateSessions(url: string, applicationNamePattern: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name like $1`,
      [applicationNamePattern],
    );
    return rowCount ?? 0;
  } finally {
    await client.end();
  }
}
