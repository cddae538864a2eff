import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A child process that has printed its ready line. */
export interface Program {
  readonly pid: number;
  /** The first group of `ready` matched this text. */
  readonly readyText: string;
  /** Sends SIGTERM, and SIGKILL after a grace time. Later calls do nothing more. */
  stop(): Promise<void>;
}

export interface ProgramOptions {
  /** The log file and errors have this name. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The directory of the log file that gets the output, like that of a service. */
  readonly logDir: string;
  readonly ready: RegExp;
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;
const SHOWN_CHARACTERS = 2_000;

/** Starts a program and waits for its ready line. Throws an `Error` with the end of its output. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const { name, ready } = options;
  const logFile = join(options.logDir, `${name}.log`);
  const log = openSync(logFile, "w");
  const { PATH, HOME } = process.env;
  const child = spawn(options.file, options.args, {
    env: { PATH, HOME, NODE_ENV: "production", ...options.env },
    stdio: ["ignore", log, log],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  closeSync(log);
  let failure: Error | undefined;
  child.once("error", (error) => (failure = error));
  const stop = onlyOnce(() => stopChild(child));
  const deadlineMs = performance.now() + START_TIMEOUT_MS;
  for (;;) {
    const output = await readFile(logFile, "utf8");
    const match = ready.exec(output);
    if (match !== null && child.pid !== undefined)
      return { pid: child.pid, readyText: match[1] ?? "", stop };
    const ended = failure !== undefined || child.exitCode !== null || child.signalCode !== null;
    if (ended || performance.now() > deadlineMs) {
      await stop();
      throw new Error(`${name} did not start: ${output.slice(-SHOWN_CHARACTERS)}`, {
        cause: failure,
      });
    }
    await sleep(POLL_MS);
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const patience = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(patience);
}

function onlyOnce(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => (done ??= work());
}
