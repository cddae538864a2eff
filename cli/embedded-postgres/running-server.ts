import { readFile, realpath, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Cluster } from "./cluster.ts";
import { sqlStateOf, withMaintenanceClient } from "./database.ts";
import { processLives } from "./process-lives.ts";
import { statement } from "../../shared/db/statement.ts";

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
}

const POLL_MS = 100;
/**
 * A server that holds the data, and is neither starting nor stopping, may take this long to answer.
 */
const SILENT_MS = 10_000;
/** A server may take this long to recover or to shut down. */
const TRANSITION_MS = 300_000;

/**
 * Finds the server that already runs on this cluster, after it has finished starting or stopping.
 * Resolves with null when there is none and nothing prevents a new one. Throws an `Error` when a
 * process holds the data but does not let us in.
 */
export async function findRunningServer(cluster: Cluster): Promise<RunningServer | null> {
  const begunAtMs = performance.now();
  let lastAnswerAtMs = begunAtMs;
  for (;;) {
    const held = await readPidFile(cluster.filesDir);
    // PostgreSQL itself removes the file of a process that is gone.
    if (held === null || !processLives(held.pid)) return null;
    if (await isOtherProgram(held.pid)) {
      await clearPidFile(cluster.filesDir, held.pid);
      return null;
    }
    const state = await askServer(cluster, held.port);
    if (state === "ours" && held.port !== null) return { pid: held.pid, port: held.port };
    if (state === "of other data") {
      await clearPidFile(cluster.filesDir, held.pid);
      return null;
    }
    const nowMs = performance.now();
    if (state === "changing") lastAnswerAtMs = nowMs;
    if (
      state === "refuses us" ||
      nowMs - lastAnswerAtMs > SILENT_MS ||
      nowMs - begunAtMs > TRANSITION_MS
    ) {
      throw new Error(
        `Process ${held.pid} holds the data in ${join(cluster.filesDir, "data")}, but ` +
          `${state === "refuses us" ? "refuses the password kept beside it" : "does not answer"}. ` +
          `If it is PostgreSQL, stop it; if it is something else, delete ${pidFileOf(cluster.filesDir)}.`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** Reads the server's own record of its process. A null port means that it is not written yet. */
export async function readPidFile(
  filesDir: string,
): Promise<{ pid: number; port: number | null } | null> {
  const text = await readFile(pidFileOf(filesDir), "utf8").catch(() => null);
  if (text === null) return null;
  const lines = text.split("\n");
  const pid = Number.parseInt(lines[0] ?? "", 10);
  const port = Number.parseInt(lines[3] ?? "", 10);
  if (!(pid > 0)) return null;
  return { pid, port: port > 0 ? port : null };
}

function pidFileOf(filesDir: string): string {
  return join(filesDir, "data", "postmaster.pid");
}

type ServerState = "ours" | "of other data" | "refuses us" | "changing" | "silent";

async function askServer(cluster: Cluster, port: number | null): Promise<ServerState> {
  if (port === null) return "silent";
  try {
    return await withMaintenanceClient({ port, password: cluster.password }, async (client) => {
      const answer = await client.query<{ data_directory: string }>(
        statement("show_data_directory", "SHOW data_directory"),
      );
      // A copied directory has the password and the process file of the original.
      const itsDir = answer.rows[0]?.data_directory ?? "";
      return itsDir === (await realpath(join(cluster.filesDir, "data"))) ? "ours" : "of other data";
    });
  } catch (error) {
    const sqlState = sqlStateOf(error);
    if (sqlState === "57P03") return "changing"; // PostgreSQL is starting up, in recovery or shutting down.
    if (sqlState === "28P01" || sqlState === "28000") return "refuses us";
    return "silent";
  }
}

/**
 * Tells whether another program has this process number now. PostgreSQL cannot tell: after the
 * crash of a container, the next one counts from 1 again. Only Linux shows this to every user.
 */
async function isOtherProgram(pid: number): Promise<boolean> {
  if (process.platform !== "linux") return false;
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => null);
  if (commandLine === null) return false;
  return basename(commandLine.split("\0")[0] ?? "") !== "postgres"; // A zombie has an empty command line.
}

async function clearPidFile(filesDir: string, pid: number): Promise<void> {
  const held = await readPidFile(filesDir);
  // Another start may have written its own file meanwhile.
  if (held?.pid === pid) await rm(pidFileOf(filesDir), { force: true });
}
