import { open, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Binaries } from "./binaries.ts";
import type { Cluster } from "./cluster.ts";
import { freePort } from "./free-port.ts";
import { processLives } from "./process-lives.ts";
import { runProgram } from "./run-program.ts";
import { findRunningServer, readPidFile, type RunningServer } from "./running-server.ts";
import { serverOptions } from "./server-settings.ts";

/** A killed server's children hold its memory until they have noticed. */
const sharedMemoryMs = 10_000;
const retryMs = 200;
/** Recovery after a crash may read the whole log again. */
const startTimeoutSeconds = 300;
const stopTimeoutSeconds = 30;
const portTries = 5;
const logLimitBytes = 10 * 1024 * 1024;
const shownLogLines = 15;

/**
 * Starts the server of this cluster on a free port of 127.0.0.1, or finds the one that runs
 * (`adopted`). Of two starts at once one starts it and the other adopts it. Throws an `Error` with
 * the last lines of the server's log.
 */
export async function startPostmaster(
  cluster: Cluster,
  binaries: Binaries,
  settings: Readonly<Record<string, string>>,
  choosePort: () => Promise<number> = freePort,
): Promise<RunningServer & { readonly adopted: boolean }> {
  const logFile = join(cluster.filesDir, "postgres.log");
  const begunAtMs = performance.now();
  let portsTaken = 0;
  for (;;) {
    const running = await findRunningServer(cluster);
    if (running !== null) return { ...running, adopted: true };
    if ((await stat(logFile)).size > logLimitBytes) await truncate(logFile);
    const logStart = (await stat(logFile)).size;
    const port = await choosePort();
    // Relative paths: pg_ctl hands them to a shell, which must find nothing to expand in them.
    const args = ["start", "--wait", `--timeout=${startTimeoutSeconds}`, "-D", "data"];
    args.push("-l", "postgres.log", "-o", serverOptions(port, settings));
    const start = await runProgram(binaries.pgCtl, args, {
      cwd: cluster.filesDir,
      user: cluster.user,
    });
    const held = await readPidFile(cluster.filesDir);
    if (start.ok && held !== null) return { pid: held.pid, port, adopted: false };

    const logged = await readFrom(logFile, logStart);
    const waitedMs = performance.now() - begunAtMs;
    const outrun = /lock file "postmaster\.pid" already exists/.test(logged);
    const memoryHeld = /pre-existing shared memory block/.test(logged);
    const portTaken = /could not bind .*in use|could not create any TCP/s.test(logged);
    if (portTaken) portsTaken += 1;
    if (
      ((outrun || memoryHeld) && waitedMs < sharedMemoryMs) ||
      (portTaken && portsTaken < portTries)
    ) {
      await sleep(retryMs);
      continue;
    }
    const shown = logged.trim().split("\n").slice(-shownLogLines).join("\n");
    throw new Error(
      `PostgreSQL did not start (${start.output.split("\n").at(-1) ?? ""}). ` +
        `The last lines of ${logFile}:\n${shown}`,
    );
  }
}

/** Stops the server: connections are ended, work in progress is rolled back. Throws an `Error`. */
export async function stopPostmaster(cluster: Cluster, binaries: Binaries): Promise<void> {
  let output = "";
  for (const mode of ["fast", "immediate"]) {
    if (!(await serverLives(cluster))) return;
    const stop = await runProgram(
      binaries.pgCtl,
      ["stop", "--wait", `--timeout=${stopTimeoutSeconds}`, "--mode", mode, "-D", "data"],
      { cwd: cluster.filesDir, user: cluster.user },
    );
    if (stop.ok) return;
    output = stop.output;
  }
  if (!(await serverLives(cluster))) return;
  throw new Error(`PostgreSQL in ${cluster.filesDir} did not stop: ${output}`);
}

async function serverLives(cluster: Cluster): Promise<boolean> {
  const held = await readPidFile(cluster.filesDir);
  return held !== null && processLives(held.pid);
}

async function readFrom(path: string, start: number): Promise<string> {
  const file = await open(path);
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of file.createReadStream({ start, autoClose: false })) {
      if (Buffer.isBuffer(chunk)) chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  } finally {
    await file.close();
  }
}
