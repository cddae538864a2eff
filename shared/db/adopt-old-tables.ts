import type { Client } from "pg";
import { RELEASE } from "./pending-schema.ts";
import type { SchemaFiles } from "./schema-files.ts";

/** The migrations from before `tables/` and `functions/` existed. */
const OLD_MIGRATIONS = [
  "0001_tables",
  "0002_accept",
  "0003_claim",
  "0004_settle",
  "0005_move",
  "0006_end",
  "0007_sweep",
  "0008_fleet",
  "0009_accepted",
  "0010_accept_stored",
  "0011_run_stored",
  "0012_move_stored",
  "0013_webhooks",
  "0014_webhook_deliveries",
  "0015_files",
  "0016_batches",
  "0017_accept_lines",
  "0018_batch_motion",
  "0019_claim",
  "0020_move",
  "0021_lost",
  "0022_settle",
  "0060_rest",
  "0070_keyless_lines",
  "0080_engines",
  "0090_uploads",
  "0100_wide_slot_waits",
  "0120_conversations",
  "0130_waiting_callers",
];

/** The tables up to this file are those that the migrations above have made. */
const LAST_OLD_TABLES = "0011_conversations";

/** Functions that the migrations above have made and no file makes. */
const GONE_FUNCTIONS = [
  "end_orphans",
  "note_accepted_end",
  "note_held",
  "note_lost",
  "note_webhook_attempt",
];

/**
 * Records a database that all old migrations have made as one that has run the files up to
 * `LAST_OLD_TABLES`. Throws an `Error` when only some of the old migrations have run.
 */
export async function adoptOldTables(client: Client, { tables }: SchemaFiles): Promise<void> {
  const { rowCount } = await client.query(
    "delete from spillway_migrations where name = any ($1::text[])",
    [OLD_MIGRATIONS],
  );
  if (rowCount === 0) return;
  if (rowCount !== OLD_MIGRATIONS.length)
    throw new Error(
      `the database was made by an older development version of Spillway (${rowCount} of ${OLD_MIGRATIONS.length} migrations), which this one cannot migrate: use a new database, or run \`spillway migrate\` of the last version with these migrations before`,
    );
  await client.query(
    "insert into spillway_migrations (name, run_on) select unnest($1::text[]), now()",
    [tables.map(({ name }) => name).filter((name) => name <= LAST_OLD_TABLES)],
  );
  // What is recorded and has no file is dropped.
  await client.query(
    `insert into spillway_functions (name, hash, release) select unnest($1::text[]), '', $2
     on conflict (name) do nothing`,
    [GONE_FUNCTIONS, RELEASE],
  );
}
