import type { Client } from "pg";
import packageJson from "../../package.json" with { type: "json" };
import type { SchemaFiles, SqlFile } from "./schema-files.ts";

/** The parts of this version that a database lacks. */
export interface PendingSchema {
  readonly tables: readonly SqlFile[];
  readonly functions: readonly SqlFile[];
  /** Functions that only an earlier version has. */
  readonly goneFunctions: readonly string[];
}

export const RELEASE = packageJson.version;

const UNDEFINED_TABLE = "42P01";

/**
 * Compares the database with the files. A newer release may have changed the functions while
 * processes of this release still run; then the functions are right as they are.
 */
export async function findPending(client: Client, files: SchemaFiles): Promise<PendingSchema> {
  const { ran, hashes, isNewer } = await readRecords(client);
  return {
    tables: files.tables.filter(({ name }) => !ran.has(name)),
    functions: isNewer ? [] : files.functions.filter(({ name, hash }) => hashes.get(name) !== hash),
    goneFunctions: isNewer
      ? []
      : [...hashes.keys()].filter((name) => files.functions.every((file) => file.name !== name)),
  };
}

interface Records {
  readonly ran: ReadonlySet<string>;
  readonly hashes: ReadonlyMap<string, string>;
  readonly isNewer: boolean;
}

async function readRecords(client: Client): Promise<Records> {
  const ran = new Set<string>();
  const hashes = new Map<string, string>();
  let isNewer = false;
  try {
    const { rows } = await client.query<{
      name: string;
      hash: string | null;
      release: string | null;
    }>(
      `select name, null as hash, null as release from spillway_migrations
       union all
       select name, hash, release from spillway_functions`,
    );
    for (const { name, hash, release } of rows) {
      if (hash === null) ran.add(name);
      else hashes.set(name, hash);
      isNewer ||= release !== null && isAfter(release, RELEASE);
    }
  } catch (error) {
    if ((error as { code?: string }).code !== UNDEFINED_TABLE) throw error;
  }
  return { ran, hashes, isNewer };
}

function isAfter(release: string, other: string): boolean {
  return release.localeCompare(other, "en", { numeric: true }) > 0;
}
