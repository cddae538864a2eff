import { Client } from "pg";
import { ownerName } from "./cluster.ts";

/** Where a server listens on 127.0.0.1, and the owner's password. */
export interface ServerAddress {
  readonly port: number;
  readonly password: string;
}

/** A URL that says everything, so that no `PG*` variable of the host changes its meaning. */
export function connectionStringOf(address: ServerAddress, database: string): string {
  return `postgres://${ownerName}:${address.password}@127.0.0.1:${address.port}/${database}?sslmode=disable`;
}

/** Runs one piece of work on a connection of its own to the maintenance database. */
export async function withMaintenanceClient<T>(
  address: ServerAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = new Client({
    connectionString: connectionStringOf(address, "postgres"),
    connectionTimeoutMillis: 5_000,
  });
  // A server that ends between two statements is seen by the next one.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Makes the database unless it is there. */
export async function ensureDatabase(address: ServerAddress, name: string): Promise<void> {
  await withMaintenanceClient(address, async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
    if (found.rowCount !== 0) return;
    const create = `CREATE DATABASE "${name}" TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'`;
    await client.query(create).catch((error: unknown) => {
      // Two starts on one cluster: the other one was first.
      if (sqlStateOf(error) !== "42P04" && sqlStateOf(error) !== "23505") throw error;
    });
  });
}

/** PostgreSQL's error code, or undefined where it did not answer. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
