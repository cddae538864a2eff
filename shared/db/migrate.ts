import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";

/**
 * Brings the database's tables and functions up to this version, under node-pg-migrate's lock.
 * Returns the names of the migrations that ran.
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const ran = await runner({
    databaseUrl,
    dir: fileURLToPath(new URL("./migrations", import.meta.url)),
    direction: "up",
    migrationsTable: "spillway_migrations",
    checkOrder: true,
    singleTransaction: true,
    log: () => undefined,
  });
  return ran.map((migration) => migration.name);
}
