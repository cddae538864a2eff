import { Client } from "pg";
import { findPending } from "./pending-schema.ts";
import { readSchemaFiles, type SchemaFiles } from "./schema-files.ts";

const TIMEOUT_MS = 10_000;

/**
 * Throws an `Error` that says what to do when the database lacks migrations or functions of this
 * version. A database that has more is fine: a newer version is being rolled out. `given` replaces
 * the files of this version.
 */
export async function checkMigrated(databaseUrl: string, given?: SchemaFiles): Promise<void> {
  const files = given ?? (await readSchemaFiles());
  const client = new Client({
    connectionString: databaseUrl,
    application_name: "spillway-check",
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { tables, functions } = await findPending(client, files);
    if (tables.length > 0)
      throw new Error(
        `the database of DATABASE_URL lacks ${tables.length} of this version's migrations, from ${tables[0]?.name} on: run \`spillway migrate\` first`,
      );
    if (functions.length > 0)
      throw new Error(
        `the database of DATABASE_URL has other texts of ${functions.length} of this version's functions, among them ${functions[0]?.name}: run \`spillway migrate\` first`,
      );
  } finally {
    await client.end();
  }
}
