import { Client } from "pg";
import { statement } from "../../shared/db/statement.ts";
import { OWNER_NAME } from "./cluster.ts";

/** The server's port on 127.0.0.1, and the owner's password. */
export interface ServerAddress {
  readonly port: number;
  readonly password: string;
}

/** Builds a URL that sets everything, so that no `PG*` variable of the host changes its meaning. */
export function connectionStringOf(address: ServerAddress, database: string): string {
  return `postgres://${OWNER_NAME}:${address.password}@127.0.0.1:${address.port}/${database}?sslmode=disable`;
}

/** Runs work on its own connection to the maintenance database. */
export async function withMaintenanceClient<T>(
  address: ServerAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: connectionStringOf(address, "postgres"),
    connectionTimeoutMillis: 10_000,
  });
  // The next statement reports a server that ends between two statements.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Creates the database when it does not exist. */
export async function ensureDatabase(address: ServerAddress, name: string): Promise<void> {
  await withMaintenanceClient(address, async (client) => {
    const found = await client.query(
      statement("find_database", "SELECT 1 FROM pg_database WHERE datname = $1", [name]),
    );
    if (found.rowCount !== 0) return;
    const create = `CREATE DATABASE "${name}" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`;
    await client.query(statement("create_database", create)).catch((error: unknown) => {
      // Another start on the same cluster created it first.
      if (sqlStateOf(error) !== "42P04" && sqlStateOf(error) !== "23505") throw error;
    });
  });
}

/** Returns PostgreSQL's error code, or undefined when the error does not come from PostgreSQL. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
