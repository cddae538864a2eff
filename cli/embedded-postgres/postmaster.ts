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

/** A killed server's child processes hold its shared memory until they have noticed its end. */
const SHARED_MEMORY_MS = 10_000;
const RETRY_MS = 200;
/** Recovery after a crash may read the whole log again. */
const START_TIMEOUT_SECONDS = 300;
const STOP_TIMEOUT_SECONDS = 30;
const PORT_TRIES = 5;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;
const SHOWN_LOG_LINES = 15;

/**
 * Starts the server of this cluster on a free port of 127.0.0.1, or finds the one that already runs
 * (`adopted`). Of two starts at once, one starts it and the other adopts it. Throws an `Error` with
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
    if ((await stat(logFile)).size > LOG_LIMIT_BYTES) await truncate(logFile);
    const logStart = (await stat(logFile)).size;
    const port = await choosePort();
    // The paths are relative because pg_ctl passes them to a shell, which must find nothing to
    // expand in them.
    const args = ["start", "--wait", `--timeout=${START_TIMEOUT_SECONDS}`, "-D", "data"];
    args.push("-l", "postgres.log", "-o", serverOptions(port, settings));
    const start = await runProgram(binaries.pgCtl, args, {
      cwd: cluster.filesDir,
      user: cluster.user,
    });
    const held = await readPidFile(cluster.filesDir);
    if (start.ok && held !== null) return { pid: held.pid, port, adopted: false };

    const logged = await readFrom(logFile, logStart);
    const waitedMs = performance.now() - begunAtMs;
    // The lock file is empty for a moment while its server starts: both programs look at it.
    const outrun =
      /lock file "postmaster\.pid" (?:already exists|is empty)/.test(logged) ||
      /PID file ".*" is empty/.test(start.output);
    const memoryHeld = /pre-existing shared memory block/.test(logged);
    const portTaken = /could not bind .*in use|could not create any TCP/s.test(logged);
    if (portTaken) portsTaken += 1;
    if (
      ((outrun || memoryHeld) && waitedMs < SHARED_MEMORY_MS) ||
      (portTaken && portsTaken < PORT_TRIES)
    ) {
      await sleep(RETRY_MS);
      continue;
    }
    const shown = logged.trim().split("\n").slice(-SHOWN_LOG_LINES).join("\n");
    throw new Error(
      `PostgreSQL did not start (${start.output.split("\n").at(-1) ?? ""}). ` +
        `The last lines of ${logFile}:\n${shown}`,
    );
  }
}

/**
 * Stops the server: its connections end and work in progress is rolled back. Throws an `Error` when
 * it does not stop.
 */
export async function stopPostmaster(cluster: Cluster, binaries: Binaries): Promise<void> {
  let output = "";
  for (const mode of ["fast", "immediate"]) {
    if (!(await serverLives(cluster))) return;
    const stop = await runProgram(
      binaries.pgCtl,
      ["stop", "--wait", `--timeout=${STOP_TIMEOUT_SECONDS}`, "--mode", mode, "-D", "data"],
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
