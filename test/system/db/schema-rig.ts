import { readdir, readFile } from "node:fs/promises";
import { Client } from "pg";
import { onTestFinished } from "vitest";
import { schemaText } from "../../support/schema-text.ts";
import { createTestDatabase } from "../../support/postgres.ts";

/** The connection belongs to the test alone. */
export interface BareDatabase {
  readonly url: string;
  readonly client: Client;
}

export async function emptyDatabase(): Promise<BareDatabase> {
  const { url, drop } = await createTestDatabase();
  const client = new Client({ connectionString: url });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await drop();
  });
  await client.query("drop schema public cascade; create schema public");
  return { url, client };
}

const oldMigrations = new URL("../../fixtures/old-migrations/", import.meta.url);

/** Runs the migrations from before `tables/`, all of them or the first ones. */
export async function oldDatabase(count?: number): Promise<BareDatabase> {
  const database = await emptyDatabase();
  const names = (await oldMigrationNames()).slice(0, count);
  for (const name of names)
    await database.client.query(await readFile(new URL(`${name}.sql`, oldMigrations), "utf8"));
  await recordOldMigrations(database.client, names);
  return database;
}

export async function oldMigrationNames(): Promise<string[]> {
  return (await readdir(oldMigrations)).map((file) => file.replace(/\.sql$/, "")).toSorted();
}

/** Writes the records of an old version, which had no other record tables. */
export async function recordOldMigrations(client: Client, names: readonly string[]): Promise<void> {
  await client.query(
    `drop table if exists spillway_functions, spillway_migrations;
     create table spillway_migrations (
       id serial primary key, name varchar(255) not null, run_on timestamp not null)`,
  );
  await client.query(
    "insert into spillway_migrations (name, run_on) select unnest($1::text[]), now()",
    [names],
  );
}

/** The definitions are by signature. */
export async function functionTexts(client: Client): Promise<Record<string, string>> {
  const { rows } = await client.query<{ signature: string; text: string }>(
    `select p.oid::regprocedure::text as signature, pg_get_functiondef(p.oid) as text
     from pg_proc p where p.pronamespace = current_schema()::text::regnamespace`,
  );
  return Object.fromEntries(rows.map(({ signature, text }) => [signature, text]));
}

/** Everything that a migration may change. */
export async function wholeSchema(client: Client) {
  const { rows: records } = await client.query<{ name: string; hash: string | null }>(
    "select name, null as hash from spillway_migrations order by name",
  );
  const { rows: recorded } = await client.query<{ there: boolean }>(
    "select to_regclass('spillway_functions') is not null as there",
  );
  const { rows: hashes } =
    recorded[0]?.there === true
      ? await client.query<{ name: string; hash: string }>(
          "select name, hash from spillway_functions order by name",
        )
      : { rows: [] };
  return {
    records: [...records, ...hashes],
    tables: await schemaText(client),
    functions: await functionTexts(client),
  };
}
