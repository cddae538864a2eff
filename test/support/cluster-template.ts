import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import { startEmbeddedPostgres } from "../../cli/embedded-postgres/embedded-postgres.ts";
import { migrate } from "../../shared/db/migrate.ts";

const SETTINGS = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/**
 * Fills a data directory as if Spillway had been started there before: with a stopped embedded
 * cluster and a migrated database. Creating one takes many times longer than this copy.
 */
export async function copyCluster(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const template = join(inject("clusterDirectory"), "postgres");
  // `cp -a` also keeps the owner of the files. It fails until the template exists.
  const copy = (): Promise<unknown> => promisify(execFile)("cp", ["-a", template, dataDir]);
  await copy().catch(async () => {
    await makeTemplate(template);
    await copy();
  });
}

/** Two test files may do this at once; one of the two templates then serves both. */
async function makeTemplate(template: string): Promise<void> {
  const draft = await mkdtemp(`${template}-`);
  await chmod(draft, 0o711); // PostgreSQL may have a user of its own, which must be able to pass through.
  const postgres = await startEmbeddedPostgres({
    dataDir: draft,
    log: () => undefined,
    settings: SETTINGS,
  });
  await migrate(postgres.connectionString);
  await postgres.stop();
  await rename(postgres.filesDir, template).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
  });
}
