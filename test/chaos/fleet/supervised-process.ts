import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { guardAgainstKill } from "../../support/kill-guard.ts";

export interface SupervisedProcessOptions {
  readonly name: string;
  readonly kind: "api" | "worker" | "serve";
  readonly env: Readonly<Record<string, string>>;
  /** All output goes to this file. */
  readonly logFile: string;
  /** Milliseconds since the run's start. */
  readonly now: () => number;
}

/** A time in which a process was killed or frozen, or was stopping or starting. */
interface Disturbance {
  readonly fromMs: number;
  toMs: number;
}

const COMMAND = fileURLToPath(new URL("../../../cli/spillway.ts", import.meta.url));
const RESTART_MS = 500;
const END_POLL_MS = 50;

/** One API or worker process, which is started again whenever it ends, until it is stopped. */
export class SupervisedProcess {
  readonly name: string;
  readonly kind: "api" | "worker" | "serve";
  /** Unrequested ends of a process that ran. */
  readonly crashes: string[] = [];
  readonly #options: SupervisedProcessOptions;
  readonly #disturbances: Disturbance[] = [];
  readonly #guard = guardAgainstKill({ signal: "KILL", directories: [] });
  #child: ChildProcess | undefined;
  #isReady = false;
  #isStopping = false;
  /**
   * Set when the end of the running child was requested: how long to wait before the next start.
   */
  #awayMs: number | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: SupervisedProcessOptions) {
    this.name = options.name;
    this.kind = options.kind;
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady;
  }

  start(): void {
    this.#loop = this.#keep();
  }

  /** Tells whether the process was disturbed at any time of the interval. */
  wasDisturbed(fromMs: number, toMs: number): boolean {
    return this.#disturbances.some(
      (disturbance) => disturbance.fromMs <= toMs && disturbance.toMs >= fromMs,
    );
  }

  /** Sends a signal; the next process starts `awayMs` after this one's end. */
  end(signal: "SIGKILL" | "SIGTERM", awayMs: number): void {
    if (this.#child === undefined || !this.#isReady) return;
    this.#beginDisturbance();
    this.#awayMs = awayMs;
    this.#child.kill(signal);
  }

  freeze(): () => void {
    const child = this.#child;
    const disturbance = { fromMs: this.#options.now(), toMs: Infinity };
    this.#disturbances.push(disturbance);
    child?.kill("SIGSTOP");
    return () => {
      child?.kill("SIGCONT");
      disturbance.toMs = this.#options.now();
    };
  }

  /** Ends the process for good. Returns what was wrong with its end. */
  async stop(withinMs: number): Promise<string[]> {
    this.#isStopping = true;
    const child = this.#child;
    const problems: string[] = [];
    if (child !== undefined) {
      this.#beginDisturbance();
      child.kill("SIGTERM");
      const untilMs = this.#options.now() + withinMs;
      while (this.#child !== undefined && this.#options.now() < untilMs) await sleep(END_POLL_MS);
      if (this.#child !== undefined)
        problems.push(`${this.name} did not end within ${withinMs} ms`);
      else if (child.exitCode !== 0) problems.push(`${this.name} ended with ${howItEnded(child)}`);
    }
    await this.kill();
    return problems;
  }

  /** Kills the process at once and for good. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    this.#child?.kill("SIGKILL");
    await this.#loop;
    this.#guard.release();
  }

  async #keep(): Promise<void> {
    while (!this.#isStopping) {
      this.#beginDisturbance();
      this.#awayMs = undefined;
      await this.#run();
      if (!this.#isStopping) await sleep(this.#awayMs ?? RESTART_MS);
    }
  }

  /** Runs one child from its start to its end. */
  async #run(): Promise<void> {
    const { kind, env, logFile, now } = this.#options;
    const { PATH, HOME } = process.env;
    // The child has its own process group: Ctrl-C ends the run, and the run ends its processes.
    const child = spawn(process.execPath, [COMMAND, kind], {
      env: { PATH, HOME, ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#guard.watch(child.pid);
    const log = createWriteStream(logFile, { flags: "a" });
    log.write(`--- ${(now() / 1_000).toFixed(1)} s: process ${child.pid} starts\n`);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      log.write(chunk);
      if (this.#isReady) return;
      output += chunk.toString();
      if (!/^Spillway ((API|worker) )?runs/m.test(output)) return;
      this.#isReady = true;
      this.#endDisturbances();
    });
    child.stderr.on("data", (chunk: Buffer) => void log.write(chunk));
    await once(child, "close");
    if (this.#isReady && this.#awayMs === undefined && !this.#isStopping)
      this.crashes.push(
        `${this.name} ended by itself with ${howItEnded(child)} at ${Math.round(now())} ms`,
      );
    log.end(`--- ${(now() / 1_000).toFixed(1)} s: it ended with ${howItEnded(child)}\n`);
    this.#isReady = false;
    this.#child = undefined;
    this.#guard.watch(undefined);
  }

  #beginDisturbance(): void {
    this.#disturbances.push({ fromMs: this.#options.now(), toMs: Infinity });
  }

  #endDisturbances(): void {
    for (const disturbance of this.#disturbances)
      disturbance.toMs = Math.min(disturbance.toMs, this.#options.now());
  }
}

function howItEnded({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ?? `exit code ${exitCode}`;
}
