import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { copyCluster } from "../../support/cluster-template.ts";
import { eventually } from "../../support/eventually.ts";

/** A data directory of its own, removed after the test with the server in it. */
export async function temporaryDataDir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-process-"));
  // Run by root, PostgreSQL has a user of its own, which has to pass through.
  await chmod(directory, 0o711);
  onTestFinished(async () => {
    const pid = postmasterOf(directory);
    if (pid !== undefined && isPostgres(pid)) process.kill(pid, "SIGQUIT");
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });
  return directory;
}

/** Such a directory as an earlier start has left it: with a database, and nothing that runs. */
export async function usedDataDir(): Promise<string> {
  const directory = await temporaryDataDir();
  await copyCluster(directory);
  return directory;
}

/** The process that holds the embedded data; undefined when none does. */
export function postmasterOf(dataDir: string): number | undefined {
  const file = join(dataDir, "postgres", "data", "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  return pid > 0 ? pid : undefined;
}

/** The server's processes that live, the postmaster among them. */
export function postgresProcesses(postmaster: number): number[] {
  const all = readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0);
  return all.filter(
    (pid) => isPostgres(pid) && (pid === postmaster || parentOf(pid) === postmaster),
  );
}

/** Kills every process of the server at once. */
export async function killPostgres(postmaster: number): Promise<void> {
  const pids = postgresProcesses(postmaster);
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      // Backends end by themselves all the time.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  await eventually(() => {
    if (pids.some(isPostgres)) throw new Error("PostgreSQL still lives");
  });
}

export function isPostgres(pid: number): boolean {
  if (process.platform !== "linux") return lives(pid);
  try {
    // A dead process that nobody has waited for has an empty command line.
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("postgres");
  } catch {
    return false;
  }
}

function lives(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
  } catch {
    return undefined;
  }
}

/** Connects to the server that runs in a data directory; for looking. */
export function lookInto(dataDir: string): Database {
  const files = join(dataDir, "postgres");
  const password = readFileSync(join(files, "password"), "utf8").trim();
  const port = readFileSync(join(files, "data", "postmaster.pid"), "utf8").split("\n")[3];
  const database = openDatabase({
    connectionString: `postgres://spillway:${password}@127.0.0.1:${port}/spillway`,
    maxConnections: 2,
    applicationName: "test-look",
    onIdleError: () => undefined,
  });
  onTestFinished(() => database.close());
  return database;
}
