import type { Client } from "pg";
import { RELEASE } from "./pending-schema.ts";
import { runFile } from "./run-file.ts";
import type { SqlFile } from "./schema-files.ts";

/**
 * PostgreSQL gives this error when a function gets another return type or other parameter names.
 */
const INVALID_FUNCTION_DEFINITION = "42P13";

type Signatures = ReadonlyMap<string, readonly string[]>;

/**
 * Creates or replaces the functions of the files, inside the caller's transaction. Sessions that
 * are calling a replaced function go on. A function whose signature has changed is dropped first.
 */
export async function replaceFunctions(client: Client, files: readonly SqlFile[]): Promise<void> {
  const names = files.map(({ name }) => name);
  const before = await listSignatures(client, names);
  for (const file of files) await replaceFunction(client, file, before);
  // A function with other parameter types stands beside the old one, which then has to go.
  for (const [name, signatures] of await listSignatures(client, names))
    if (signatures.length > 1) await dropAll(client, before.get(name));
  await client.query(
    `insert into spillway_functions (name, hash, release)
     select name, hash, $3 from unnest($1::text[], $2::text[]) as f(name, hash)
     on conflict (name) do update set hash = excluded.hash, release = excluded.release`,
    [names, files.map(({ hash }) => hash), RELEASE],
  );
}

/**
 * Drops functions that this version does not have. A trigger that calls one must be gone before.
 */
export async function dropFunctions(client: Client, names: readonly string[]): Promise<void> {
  for (const signatures of (await listSignatures(client, names)).values())
    await dropAll(client, signatures);
  await client.query("delete from spillway_functions where name = any ($1::text[])", [names]);
}

async function replaceFunction(client: Client, file: SqlFile, before: Signatures): Promise<void> {
  const text = `savepoint before_function; ${file.text}; release savepoint before_function`;
  try {
    await runFile(client, { ...file, text });
  } catch (error) {
    if ((error as { code?: string }).code !== INVALID_FUNCTION_DEFINITION) throw error;
    await client.query("rollback to savepoint before_function");
    await dropAll(client, before.get(file.name));
    await runFile(client, file);
  }
}

async function listSignatures(client: Client, names: readonly string[]): Promise<Signatures> {
  const { rows } = await client.query<{ name: string; signature: string }>(
    `select p.proname as name, p.oid::regprocedure::text as signature
     from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = current_schema() and p.proname = any ($1::text[])`,
    [names],
  );
  const byName = Map.groupBy(rows, ({ name }) => name);
  return new Map([...byName].map(([name, all]) => [name, all.map((row) => row.signature)]));
}

async function dropAll(client: Client, signatures: readonly string[] = []): Promise<void> {
  for (const signature of signatures) await client.query(`drop function ${signature}`);
}
