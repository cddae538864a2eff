import { readEnvironment } from "../config/environment.ts";
import { openDatabase, type Database } from "../shared/db/database.ts";
import { migrate } from "../shared/db/migrate.ts";
import { openStore } from "./serve/open-store.ts";

/**
 * Opens the broker's database for one command: that of `DATABASE_URL`, or the embedded one, which
 * is shared with a running broker or started for as long as the command takes.
 */
export async function connect(): Promise<{ readonly database: Database; close(): Promise<void> }> {
  const store = await openStore(readEnvironment(), {
    alone: false,
    log: () => undefined,
    warn: () => undefined,
  });
  try {
    await migrate(store.databaseUrl);
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
  } catch (error) {
    await store.close();
    throw error;
  }
}
