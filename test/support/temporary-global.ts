import { chmod, mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { guardAgainstKill } from "./kill-guard.ts";
import { canKeepFiles, type FileSystem, MEMORY_FILES } from "./memory-files.ts";

/**
 * Keeps the whole run's temporary files in memory where the system lets it: the many databases that
 * are made and dropped, and those that write as if they had to survive, wait for a disk otherwise.
 * Whoever sets `TMPDIR` has decided.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env["TMPDIR"] !== undefined) return undefined;
  const found = await memoryFiles().catch(() => undefined);
  if (found === undefined || !canKeepFiles(found)) return undefined;
  const directory = await mkdtemp(join(MEMORY_FILES, "spillway-"));
  // Run by root, PostgreSQL has a user of its own, which has to pass through.
  await chmod(directory, 0o711);
  const guard = guardAgainstKill({ signal: "KILL", directories: [directory] });
  process.env["TMPDIR"] = directory;
  return async () => {
    delete process.env["TMPDIR"];
    await rm(directory, { recursive: true, force: true });
    guard.release();
  };
}

/** Rejects where there are none. */
async function memoryFiles(): Promise<FileSystem> {
  const [mounts, { bavail, bsize }] = await Promise.all([
    readFile("/proc/mounts", "utf8"),
    statfs(MEMORY_FILES),
  ]);
  return { mounts, freeBytes: bavail * bsize };
}
