import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { Client } from "pg";
import { migrate } from "../../shared/db/migrate.ts";
import { startEmbeddedPostgres } from "../../cli/embedded-postgres/embedded-postgres.ts";
import { readPidFile } from "../../cli/embedded-postgres/running-server.ts";
import { guardAgainstKill } from "./kill-guard.ts";
import { TEMPLATE_DATABASE } from "./template-database.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A server on which this run may create and drop databases. */
    readonly postgresUrl: string;
  }
}

/** Nothing in it is meant to survive a power cut. */
const throwAwaySettings = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/**
 * Gives the whole run one PostgreSQL server: that of `DATABASE_URL`, or an embedded one in a
 * temporary directory, which the returned function stops and removes.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["DATABASE_URL"];
  if (given !== undefined && given !== "") {
    await makeTemplate(given);
    project.provide("postgresUrl", given);
    return () => Promise.resolve();
  }
  const directory = await mkdtemp(join(tmpdir(), "spillway-test-"));
  // Run by root, PostgreSQL has a user of its own, which has to pass through.
  await chmod(directory, 0o711);
  const removeAll = async (filesDir: string): Promise<void> => {
    await rm(filesDir, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
  };
  const postgres = await startEmbeddedPostgres({
    dataDir: directory,
    log: () => undefined,
    settings: throwAwaySettings,
  }).catch(async (error: unknown) => {
    await removeAll(directory);
    throw error;
  });
  const guard = guardAgainstKill({ signal: "QUIT", directories: [postgres.filesDir, directory] });
  guard.watch((await readPidFile(postgres.filesDir))?.pid);
  await makeTemplate(postgres.connectionString);
  project.provide("postgresUrl", postgres.connectionString);
  return async () => {
    try {
      await postgres.stop();
    } finally {
      await removeAll(postgres.filesDir);
      guard.release();
    }
  };
}

/** The migrated database that every test's own database is a copy of. */
async function makeTemplate(serverUrl: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE_DATABASE} WITH (FORCE)`);
    await client.query(
      `CREATE DATABASE ${TEMPLATE_DATABASE} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`,
    );
  } finally {
    await client.end();
  }
  const url = new URL(serverUrl);
  url.pathname = `/${TEMPLATE_DATABASE}`;
  await migrate(url.toString());
}
