import { Client } from "pg";
import { expect } from "vitest";
import { copyCluster } from "./cluster-template.ts";
import { eventually } from "./eventually.ts";
import { freezeProcesses } from "./freeze-processes.ts";
import { startThrowAwayPostgres } from "./throw-away-postgres.ts";

/** A PostgreSQL server that one test has for itself, to stop and to freeze. */
export interface TestPostgres {
  /** A migrated database. */
  readonly url: string;
  /** From now on it takes connections and bytes, and answers nothing. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends every session and the server; nothing listens until `startServer`. */
  stopServer(): Promise<void>;
  /** Starts it again at the same address, with its data. */
  startServer(): Promise<void>;
  /** Ends the sessions whose application name is like the pattern of SQL; how many those were. */
  terminateSessions(applicationNamePattern?: string): Promise<number>;
  stop(): Promise<void>;
}

/** Starts an embedded server, also where the run has one by `DATABASE_URL`. */
export async function startTestPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<TestPostgres> {
  const postgres = await startThrowAwayPostgres(settings, copyCluster);
  let letGoOn: (() => void) | undefined;
  const thaw = (): Promise<void> => {
    letGoOn?.();
    letGoOn = undefined;
    return Promise.resolve();
  };
  return {
    url: postgres.url,
    async freeze() {
      if (letGoOn !== undefined) return;
      const pid = await postgres.pid();
      if (pid === undefined) throw new Error("the server does not run");
      letGoOn = await freezeProcesses(pid);
    },
    thaw,
    async stopServer() {
      await thaw();
      const pid = await postgres.pid();
      if (pid === undefined) return;
      process.kill(pid, "SIGINT"); // PostgreSQL's "fast" way
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
