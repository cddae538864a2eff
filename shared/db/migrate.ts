import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";
import { Client } from "pg";

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Brings the database's tables and functions up to this version; of several processes at once one
 * does it and the others wait. Returns the names of the migrations that ran.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: "spillway-migrate",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that ends is seen by the next statement.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const ran = await runner({
      dbClient: client,
      dir: fileURLToPath(new URL("./migrations", import.meta.url)),
      direction: "up",
      migrationsTable: "spillway_migrations",
      checkOrder: true,
      singleTransaction: true,
      advisoryLockMode: "wait",
      log: () => undefined,
    });
    return ran.map((migration) => migration.name);
  } finally {
    await client.end();
  }
}
