import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Client } from "pg";
import { onTestFinished } from "vitest";
import type { EmbeddedPostgresOptions } from "../../../cli/embedded-postgres/embedded-postgres.ts";
import { copyCluster } from "../../support/cluster-template.ts";
import { compileCache } from "../../support/programs.ts";

export const fastSettings = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" };

/** Everyone may pass through the directory. It is removed after the test, with the server in it. */
export async function scratchDir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-embedded-"));
  await chmod(directory, 0o711);
  onTestFinished(async () => {
    const files = execFileSync("find", [directory, "-name", "postmaster.pid"], {
      encoding: "utf8",
    });
    for (const file of files.split("\n").filter(Boolean)) {
      const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
      // Some tests write another program's number there.
      if (isPostgres(pid)) process.kill(pid, "SIGQUIT");
    }
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  return directory;
}

/** An earlier start has filled the directory, for tests that do not depend on how it was made. */
export async function usedDir(): Promise<string> {
  const directory = await scratchDir();
  await copyCluster(directory);
  return directory;
}

function isPostgres(pid: number): boolean {
  if (process.platform !== "linux") return pid !== process.pid;
  if (!existsSync(`/proc/${pid}/comm`)) return false;
  return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "postgres";
}

export function options(dataDir: string): EmbeddedPostgresOptions {
  return { dataDir, log: () => undefined, settings: fastSettings };
}

/** Runs one query on a connection of its own and returns its first row. */
export async function firstRow(
  connectionString: string,
  sql: string,
): Promise<Record<string, unknown>> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    const result = await client.query<Record<string, unknown>>(sql);
    return result.rows[0] ?? {};
  } finally {
    await client.end();
  }
}

export function postmasterPid(filesDir: string): number {
  return Number.parseInt(readFileSync(join(filesDir, "data", "postmaster.pid"), "utf8"), 10);
}

const checkout = new URL("../../../", import.meta.url).href;

/** Runs a module in a process of its own, in which `checkout` is the URL of this checkout. */
export function runModule(source: string, env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(
    process.execPath,
    ["--input-type=module", "--eval", `const checkout = ${JSON.stringify(checkout)};\n${source}`],
    { env: { ...compileCache(), ...env }, stdio: ["ignore", "pipe", "inherit"] },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Starts the embedded server from a process of its own, which then waits to be killed. */
export function startInChild(
  dataDir: string,
  env?: NodeJS.ProcessEnv,
  from = checkout,
  systemDir?: string,
) {
  return runModule(
    `const { startEmbeddedPostgres } = await import(${JSON.stringify(from)} + "cli/embedded-postgres/embedded-postgres.ts");
     const postgres = await startEmbeddedPostgres({
       dataDir: ${JSON.stringify(dataDir)}, log: () => {}, settings: ${JSON.stringify(fastSettings)},
       systemDir: ${JSON.stringify(systemDir)},
     });
     console.log(JSON.stringify(postgres));
     setInterval(() => {}, 60_000);`,
    env,
  );
}

/** Reads the next line that a child writes, as JSON. Rejects when it ends without one. */
export async function nextJson(child: ChildProcess): Promise<Record<string, unknown>> {
  if (child.stdout === null) throw new Error("the child's output is not piped");
  const ended = once(child, "close").then(() => {
    throw new Error("the child ended without an answer");
  });
  const line = once(createInterface({ input: child.stdout }), "line");
  const [text] = await Promise.race([line, ended]);
  const parsed: unknown = JSON.parse(String(text));
  if (typeof parsed !== "object" || parsed === null) throw new Error(`not an object: ${text}`);
  return { ...parsed };
}

export async function killHard(child: ChildProcess): Promise<void> {
  const closed = once(child, "close");
  child.kill("SIGKILL");
  await closed;
}
