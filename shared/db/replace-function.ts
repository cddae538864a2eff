import type { Client } from "pg";
import { RELEASE } from "./pending-schema.ts";
import { runFile } from "./run-file.ts";
import type { SqlFile } from "./schema-files.ts";

/** PostgreSQL replaces no function by one with another return type or other parameter names. */
const INVALID_FUNCTION_DEFINITION = "42P13";

/**
 * Creates or replaces the function of the file, inside the caller's transaction. Sessions that are
 * calling a replaced function go on; one with another signature has to be dropped first.
 */
export async function replaceFunction(client: Client, file: SqlFile): Promise<void> {
  const before = await listSignatures(client, file.name);
  await client.query("savepoint before_function");
  try {
    await runFile(client, file);
  } catch (error) {
    if ((error as { code?: string }).code !== INVALID_FUNCTION_DEFINITION) throw error;
    await client.query("rollback to savepoint before_function");
    await dropAll(client, before);
    await runFile(client, file);
  }
  await client.query("release savepoint before_function");
  // Other parameter types make a second function beside the old one.
  const after = await listSignatures(client, file.name);
  if (after.length > 1) await dropAll(client, before);
  await client.query(
    `insert into spillway_functions (name, hash, release) values ($1, $2, $3)
     on conflict (name) do update set hash = excluded.hash, release = excluded.release`,
    [file.name, file.hash, RELEASE],
  );
}

/** Drops a function that this version does not have. Its trigger must be gone before. */
export async function dropFunction(client: Client, name: string): Promise<void> {
  await dropAll(client, await listSignatures(client, name));
  await client.query("delete from spillway_functions where name = $1", [name]);
}

async function listSignatures(client: Client, name: string): Promise<string[]> {
  const { rows } = await client.query<{ signature: string }>(
    `select p.oid::regprocedure::text as signature
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = current_schema() and p.proname = $1`,
    [name],
  );
  return rows.map(({ signature }) => signature);
}

async function dropAll(client: Client, signatures: readonly string[]): Promise<void> {
  for (const signature of signatures) await client.query(`drop function ${signature}`);
}
