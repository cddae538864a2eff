import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { Client } from "pg";

const TIMEOUT_MS = 10_000;
/** No such table. */
const UNDEFINED_TABLE = "42P01";

/**
 * Throws an `Error` that says what to do when the database lacks migrations of this version. One
 * that has more is fine: a newer version is being rolled out.
 */
export async function checkMigrated(databaseUrl: string): Promise<void> {
  const client = new Client({
    connectionString: databaseUrl,
    application_name: "spillway-check",
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on("error", () => undefined);
  let ran: Set<string>;
  try {
    await client.connect();
    const { rows } = await client.query<{ name: string }>("select name from spillway_migrations");
    ran = new Set(rows.map(({ name }) => name));
  } catch (error) {
    if ((error as { code?: string }).code !== UNDEFINED_TABLE) throw error;
    ran = new Set();
  } finally {
    await client.end();
  }
  const files = await readdir(fileURLToPath(new URL("./migrations", import.meta.url)));
  const missing = files
    .map((file) => file.replace(/\.sql$/, ""))
    .toSorted()
    .filter((name) => !ran.has(name));
  if (missing.length > 0)
    throw new Error(
      `the database of DATABASE_URL lacks ${missing.length} of this version's migrations, from ${missing[0]} on: run \`spillway migrate\` first`,
    );
}
