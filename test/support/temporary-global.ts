import { chmod, mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { guardAgainstKill } from "./kill-guard.ts";
import { canKeepFiles, type FileSystem, MEMORY_FILES } from "./memory-files.ts";

/**
 * Keeps the run's temporary files in memory where the system allows it. On a disk, the many
 * databases that are created and dropped, and the servers that write durably, would wait. A given
 * `TMPDIR` is left as it is.
 */
export async function setup(): Promise<(() => Promise<void>) | undefined> {
  if (process.env["TMPDIR"] !== undefined) return undefined;
  const found = await memoryFiles().catch(() => undefined);
  if (found === undefined || !canKeepFiles(found)) return undefined;
  const directory = await mkdtemp(join(MEMORY_FILES, "spillway-"));
  // When root runs this, PostgreSQL has a user of its own, which must be able to pass through.
  await chmod(directory, 0o711);
  const guard = guardAgainstKill({ signal: "KILL", directories: [directory] });
  process.env["TMPDIR"] = directory;
  return async () => {
    delete process.env["TMPDIR"];
    await rm(directory, { recursive: true, force: true });
    guard.release();
  };
}

/** Rejects on a system that has none. */
async function memoryFiles(): Promise<FileSystem> {
  const [mounts, { bavail, bsize }] = await Promise.all([
    readFile("/proc/mounts", "utf8"),
    statfs(MEMORY_FILES),
  ]);
  return { mounts, freeBytes: bavail * bsize };
}
