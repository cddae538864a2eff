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
  /** All that it writes. */
  readonly logFile: string;
  /** Milliseconds since the run's start. */
  readonly now: () => number;
}

/** A time in which a process was killed, frozen, or on its way out or in. */
interface Trouble {
  readonly fromMs: number;
  toMs: number;
}

const command = fileURLToPath(new URL("../../../cli/spillway.ts", import.meta.url));
const RESTART_MS = 500;
const END_POLL_MS = 50;

/** One API or worker process, started again whenever it ends, until it is stopped. */
export class SupervisedProcess {
  readonly name: string;
  readonly kind: "api" | "worker" | "serve";
  /** Ends that nobody asked for, of a process that ran. */
  readonly crashes: string[] = [];
  readonly #options: SupervisedProcessOptions;
  readonly #problems: Trouble[] = [];
  readonly #guard = guardAgainstKill({ signal: "KILL", directories: [] });
  #child: ChildProcess | undefined;
  #isReady = false;
  #isStopping = false;
  /** The end of the running child was asked for; then it stays away so long. */
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

  /** Whether the process was in trouble at some time of the interval. */
  wasInTrouble(fromMs: number, toMs: number): boolean {
    return this.#problems.some((problem) => problem.fromMs <= toMs && problem.toMs >= fromMs);
  }

  /** SIGKILL or SIGTERM; a new one starts so long after its end. */
  end(signal: "SIGKILL" | "SIGTERM", awayMs: number): void {
    if (this.#child === undefined || !this.#isReady) return;
    this.#beginTrouble();
    this.#awayMs = awayMs;
    this.#child.kill(signal);
  }

  freeze(): () => void {
    const child = this.#child;
    const problem = { fromMs: this.#options.now(), toMs: Infinity };
    this.#problems.push(problem);
    child?.kill("SIGSTOP");
    return () => {
      child?.kill("SIGCONT");
      problem.toMs = this.#options.now();
    };
  }

  /** Ends it for good; what is wrong with the way it ended, if anything. */
  async stop(withinMs: number): Promise<string[]> {
    this.#isStopping = true;
    const child = this.#child;
    const problems: string[] = [];
    if (child !== undefined) {
      this.#beginTrouble();
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

  /** At once and for good. */
  async kill(): Promise<void> {
    this.#isStopping = true;
    this.#child?.kill("SIGKILL");
    await this.#loop;
    this.#guard.release();
  }

  async #keep(): Promise<void> {
    while (!this.#isStopping) {
      this.#beginTrouble();
      this.#awayMs = undefined;
      await this.#run();
      if (!this.#isStopping) await sleep(this.#awayMs ?? RESTART_MS);
    }
  }

  /** One child, from its start to its end. */
  async #run(): Promise<void> {
    const { kind, env, logFile, now } = this.#options;
    const { PATH, HOME } = process.env;
    // A group of its own: Ctrl-C ends the run, and that ends its processes.
    const child = spawn(process.execPath, [command, kind], {
      env: { PATH, HOME, ...env },
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#guard.watch(child.pid);
    const log = createWriteStream(logFile, { flags: "a" });
    log.write(`--- ${(now() / 1_000).toFixed(1)} s: process ${child.pid} starts\n`);
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      log.write(chunk);
      if (this.#isReady) return;
      said += chunk.toString();
      if (!/^Spillway ((API|worker) )?runs/m.test(said)) return;
      this.#isReady = true;
      this.#endTroubles();
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

  #beginTrouble(): void {
    this.#problems.push({ fromMs: this.#options.now(), toMs: Infinity });
  }

  #endTroubles(): void {
    for (const problem of this.#problems)
      problem.toMs = Math.min(problem.toMs, this.#options.now());
  }
}

function howItEnded({ exitCode, signalCode }: ChildProcess): string {
  return signalCode ?? `exit code ${exitCode}`;
}
