import { setTimeout as sleep } from "node:timers/promises";
import { migrate } from "../../../shared/db/migrate.ts";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { freezeProcesses } from "../../support/freeze-processes.ts";
import { startThrowAwayPostgres } from "../../support/throw-away-postgres.ts";

/** A PostgreSQL server to break, with a migrated database. */
export interface ChaosPostgres {
  readonly url: string;
  /** Checks use this direct connection, past every proxy. */
  readonly database: Database;
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends every session and the server, in PostgreSQL's "fast" mode. */
  end(): Promise<void>;
  /** Starts the server again at the same address, with its data. */
  revive(): Promise<void>;
  /** Ends every session of the broker. */
  terminateSessions(): Promise<void>;
  stop(): Promise<void>;
}

const END_POLL_MS = 50;

/** Starts an embedded server in a temporary directory. */
export async function startChaosPostgres(): Promise<ChaosPostgres> {
  const postgres = await startThrowAwayPostgres();
  let thawAll: (() => void) | undefined;
  const thaw = (): void => {
    thawAll?.();
    thawAll = undefined;
  };
  await migrate(postgres.url);
  const database = openDatabase({
    connectionString: postgres.url,
    maxConnections: 4,
    applicationName: "chaos-look",
    onIdleError: () => undefined,
  });
  return {
    url: postgres.url,
    database,
    async freeze() {
      const pid = await postgres.pid();
      if (pid !== undefined) thawAll = await freezeProcesses(pid);
    },
    thaw,
    async end() {
      const pid = await postgres.pid();
      if (pid === undefined) return;
      process.kill(pid, "SIGINT");
      while ((await postgres.pid()) !== undefined) await sleep(END_POLL_MS);
    },
    revive: () => postgres.revive(),
    async terminateSessions() {
      await database.pool.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'spillway-%'",
      );
    },
    async stop() {
      thaw();
      await database.close();
      await postgres.stop();
    },
  };
}
