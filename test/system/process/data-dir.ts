import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { copyCluster } from "../../support/cluster-template.ts";
import { eventually } from "../../support/eventually.ts";

/** Ends a resource with the test, or, as `defer` of a stack, with the tests of a file. */
export type AtEnd = (end: () => void | Promise<void>) => void;

/** The directory is removed at the end, with the server in it. */
export async function temporaryDataDir(atEnd: AtEnd = onTestFinished): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-process-"));
  // When root runs it, PostgreSQL has a user of its own, who must pass through this directory.
  await chmod(directory, 0o711);
  atEnd(async () => {
    const pid = postmasterOf(directory);
    if (pid !== undefined && isPostgres(pid)) process.kill(pid, "SIGQUIT");
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  });
  return directory;
}

/** An earlier start has left a database here, and nothing runs. */
export async function usedDataDir(atEnd?: AtEnd): Promise<string> {
  const directory = await temporaryDataDir(atEnd);
  await copyCluster(directory);
  return directory;
}

/** Returns the process that holds the embedded data, or undefined. */
export function postmasterOf(dataDir: string): number | undefined {
  const file = join(dataDir, "postgres", "data", "postmaster.pid");
  if (!existsSync(file)) return undefined;
  const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
  return pid > 0 ? pid : undefined;
}

/** Lists the server's living processes, the postmaster among them. */
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
      // Backends may end by themselves at any time.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  await eventually(() => {
    if (pids.some(isPostgres)) throw new Error("PostgreSQL still lives");
  });
}

export function isPostgres(pid: number): boolean {
  if (process.platform !== "linux") return lives(pid);
  try {
    // A zombie, which no parent has waited for, has an empty command line.
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

/** Connects to the server of a data directory, so that a test can look at its tables. */
export function lookInto(dataDir: string, atEnd: AtEnd = onTestFinished): Database {
  const files = join(dataDir, "postgres");
  const password = readFileSync(join(files, "password"), "utf8").trim();
  const port = readFileSync(join(files, "data", "postmaster.pid"), "utf8").split("\n")[3];
  const database = openDatabase({
    connectionString: `postgres://spillway:${password}@127.0.0.1:${port}/spillway`,
    maxConnections: 2,
    applicationName: "test-look",
    onIdleError: () => undefined,
  });
  atEnd(() => database.close());
  return database;
}
