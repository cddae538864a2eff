import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import { startEmbeddedPostgres } from "../../cli/embedded-postgres/embedded-postgres.ts";
import { migrate } from "../../shared/db/migrate.ts";

const settings = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/**
 * Puts into a data directory what an earlier start of Spillway has left there: an embedded cluster
 * with a migrated database, stopped. To make one takes many times longer than this copy.
 */
export async function copyCluster(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  const template = join(inject("clusterDirectory"), "postgres");
  // Also gives the files to their owner. Fails while nobody has made the template.
  const copy = (): Promise<unknown> => promisify(execFile)("cp", ["-a", template, dataDir]);
  await copy().catch(async () => {
    await makeTemplate(template);
    await copy();
  });
}

/** Two files may do so at once: one of the two serves both. */
async function makeTemplate(template: string): Promise<void> {
  const draft = await mkdtemp(`${template}-`);
  await chmod(draft, 0o711); // PostgreSQL may have a user of its own, which has to pass through
  const postgres = await startEmbeddedPostgres({ dataDir: draft, log: () => undefined, settings });
  await migrate(postgres.connectionString);
  await postgres.stop();
  await rename(postgres.filesDir, template).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
  });
}
