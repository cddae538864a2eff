import { Client } from "pg";
import { adoptOldTables } from "./adopt-old-tables.ts";
import { findPending, type PendingSchema } from "./pending-schema.ts";
import { dropFunctions, replaceFunctions } from "./replace-functions.ts";
import { runFile } from "./run-file.ts";
import { readSchemaFiles, type SchemaFiles } from "./schema-files.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/** The advisory lock of a migration. */
const MIGRATION_LOCK = "7241865325823964";

/** The changes that a migration has made. */
interface Migrated {
  /** Names of the files in `tables/` that ran. */
  readonly tables: readonly string[];
  /** Names of the functions that were created, replaced or dropped. */
  readonly functions: readonly string[];
}

/**
 * Brings the database's tables and functions up to this version, in one transaction. When several
 * processes do so at once, one works and the others wait. `given` replaces the files of this
 * version.
 */
export async function migrate(databaseUrl: string, given?: SchemaFiles): Promise<Migrated> {
  const files = given ?? (await readSchemaFiles());
  const client = new Client({
    connectionString: databaseUrl,
    application_name: "spillway-migrate",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // The next statement reports a connection that has ended.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const pending = await findPending(client, files);
    if (isEmpty(pending)) return { tables: [], functions: [] };
    // If a statement fails, the end of the connection rolls everything back.
    await client.query("begin");
    await client.query(`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    const migrated = await runPending(client, files);
    await client.query("commit");
    return migrated;
  } finally {
    await client.end();
  }
}

function isEmpty({ tables, functions, goneFunctions }: PendingSchema): boolean {
  return tables.length + functions.length + goneFunctions.length === 0;
}

async function runPending(client: Client, files: SchemaFiles): Promise<Migrated> {
  await client.query(
    `create table if not exists spillway_migrations (
       id serial primary key, name varchar(255) not null, run_on timestamp not null);
     create table if not exists spillway_functions (
       name text primary key, hash text not null, release text not null)`,
  );
  await adoptOldTables(client, files);
  const { tables, functions, goneFunctions } = await findPending(client, files);
  // Every database must have made the tables in the same order.
  if (tables.length > 0 && files.tables.at(-tables.length)?.name !== tables[0]?.name)
    throw new Error(`${tables[0]?.name}.sql precedes files that have run: give it a higher number`);
  for (const file of tables) {
    await runFile(client, file);
    await client.query("insert into spillway_migrations (name, run_on) values ($1, now())", [
      file.name,
    ]);
  }
  // Functions call one another, and a body can only be checked when all of them exist.
  await client.query("set local check_function_bodies = off");
  await replaceFunctions(client, functions);
  await dropFunctions(client, goneFunctions);
  return {
    tables: tables.map(({ name }) => name),
    functions: [...functions.map(({ name }) => name), ...goneFunctions],
  };
}
