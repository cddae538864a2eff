import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { guardAgainstKill, type KillGuard } from "../../support/kill-guard.ts";

export interface ProgramOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly logFile: string;
  /** This URL answers with a status below 500 when the program is ready. */
  readonly readyUrl: string;
  readonly readyTimeoutMs: number;
}

const POLL_MS = 200;
const STOP_TIMEOUT_MS = 15_000;
const SHOWN_CHARACTERS = 3_000;

/**
 * A real server with its child processes, in their own process group, which gets the signals. The
 * group also ends when this process ends without having stopped it.
 */
export class Program {
  readonly #options: ProgramOptions;
  #child: ChildProcess | undefined;
  #guard: KillGuard | undefined;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  /** Starts the process and does not wait until it is ready. */
  launch(): void {
    const { file, args, env, cwd, logFile } = this.#options;
    const log = openSync(logFile, "a");
    const { PATH, HOME, LANG } = process.env;
    this.#child = spawn(file, args, {
      detached: true,
      env: { PATH, HOME, LANG, ...env },
      stdio: ["ignore", log, log],
      ...(cwd === undefined ? {} : { cwd }),
    });
    closeSync(log);
    this.#child.on("error", () => undefined);
    const { pid } = this.#child;
    if (pid === undefined) return;
    setPriority(pid, constants.priority.PRIORITY_BELOW_NORMAL);
    this.#guard ??= guardAgainstKill({ signal: "KILL", directories: [] });
    this.#guard.watch(-pid); // A negative number stands for the whole group.
  }

  /** Starts the program and waits until it is ready. Throws an `Error` with the end of its log. */
  async start(): Promise<void> {
    this.launch();
    await this.ready();
  }

  async ready(): Promise<void> {
    const { readyUrl, readyTimeoutMs, file, logFile } = this.#options;
    const deadlineMs = performance.now() + readyTimeoutMs;
    for (;;) {
      if (await answers(readyUrl)) return;
      if (this.ended() || performance.now() > deadlineMs) {
        const log = await readFile(logFile, "utf8");
        throw new Error(`${file} did not become ready: ${log.slice(-SHOWN_CHARACTERS)}`);
      }
      await sleep(POLL_MS);
    }
  }

  ended(): boolean {
    const child = this.#child;
    return child?.pid === undefined || child.exitCode !== null || child.signalCode !== null;
  }

  /** Sends a signal to the whole group, or to the first process only. */
  signal(signal: NodeJS.Signals, whom: "group" | "first" = "group"): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(whom === "group" ? -pid : pid, signal);
    } catch {
      // The process has ended meanwhile.
    }
  }

  /** Waits until the first process has ended, and kills it after `timeoutMs`. */
  async end(timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!this.ended() && performance.now() < deadlineMs) await sleep(POLL_MS);
    // This also kills what the process left behind, such as an engine core whose server was killed.
    this.signal("SIGKILL");
    while (!this.ended()) await sleep(POLL_MS);
    this.#guard?.watch(undefined);
    this.#guard?.release();
    this.#guard = undefined;
  }

  async stop(): Promise<void> {
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    await this.end(STOP_TIMEOUT_MS);
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    await response.arrayBuffer();
    return response.status < 500;
  } catch {
    return false;
  }
}
