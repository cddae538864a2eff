import { readEnvironment } from "../../config/environment.ts";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import { openDatabase, type Database } from "../../shared/db/database.ts";
import { migrate } from "../../shared/db/migrate.ts";
import { openStore, type Store } from "../processes/open-store.ts";

/** The broker's database, open for one command. */
interface Connection {
  readonly database: Database;
  close(): Promise<void>;
}

const MAX_TRIES = 3;

/**
 * Opens the broker's database for one command: that of `DATABASE_URL`, or the embedded one. The
 * embedded server is shared with other commands and brokers that use it, or is started for the
 * duration of this command.
 */
export async function connect(): Promise<Connection> {
  const environment = readEnvironment();
  for (let tries = 1; ; tries += 1) {
    const store = await openStore(environment, {
      alone: false,
      log: () => undefined,
      warn: () => undefined,
    });
    try {
      await migrate(store.databaseUrl);
      return open(store);
    } catch (error) {
      await store.close();
      // Another command may have stopped the shared server just now, as its last user.
      const stopped =
        environment.databaseUrl === undefined && classifyDatabaseError(error) === "connection";
      if (!stopped || tries === MAX_TRIES) throw error;
    }
  }
}

function open(store: Store): Connection {
  const database = openDatabase({
    connectionString: store.databaseUrl,
    maxConnections: 2,
    applicationName: "spillway-cli",
    onIdleError: () => undefined,
  });
  return {
    database,
    async close() {
      await database.close();
      await store.close();
    },
  };
}
