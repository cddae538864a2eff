import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { Client } from "pg";
import { migrate } from "../../shared/db/migrate.ts";
import { guardAgainstKill } from "./kill-guard.ts";
import { TEMPLATE_DATABASE } from "./template-database.ts";
import { startThrowAwayPostgres } from "./throw-away-postgres.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A server on which this run may create and drop databases. */
    readonly postgresUrl: string;
    /** The directory of `copyCluster`'s template. */
    readonly clusterDirectory: string;
  }
}

/**
 * Provides one PostgreSQL server for the whole run: that of `DATABASE_URL`, or an embedded one in a
 * temporary directory, which the returned function stops and removes.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-clusters-"));
  await chmod(directory, 0o711);
  const guard = guardAgainstKill({ signal: "KILL", directories: [directory] });
  project.provide("clusterDirectory", directory);
  const stop = await provideServer(project);
  return async () => {
    await stop();
    await rm(directory, { recursive: true });
    guard.release();
  };
}

async function provideServer(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["DATABASE_URL"];
  if (given !== undefined && given !== "") {
    await makeTemplate(given);
    project.provide("postgresUrl", given);
    return () => Promise.resolve();
  }
  const postgres = await startThrowAwayPostgres({
    // Six test files with many fleets each may run at once.
    max_connections: "1200",
    // A database lives for seconds here, and there are so many that a visit to each in turn costs a
    // twentieth of the run.
    autovacuum: "off",
  });
  await makeTemplate(postgres.url);
  project.provide("postgresUrl", postgres.url);
  return () => postgres.stop();
}

/** Creates the migrated database that is copied for every test. */
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
