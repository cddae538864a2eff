import type { FastifyBaseLogger } from "fastify";
import type { UnhandledErrorCounts } from "../../shared/metrics/unhandled-errors-counter.ts";

export interface UnhandledErrorsDeps {
  /** Until a log is known. */
  readonly stderr: { write(text: string): unknown };
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/** The same error is written once in that time; what is left out is counted. */
const SAME_ERROR_MS = 5_000;
/** More than any burst of requests that fail alike: only a loop comes to it. */
const MOST_IN_A_MINUTE = 1_000;
const MINUTE_MS = 60_000;

/**
 * The last resort for rejections and `error` events that nobody handles: they are logged with their
 * stack and counted, and the process goes on. That is safe here, since no rule about money, slots or
 * outcomes stands in a process's memory (each is one SQL statement with a compare-and-set, under
 * leases and fences that the kernel ends), and going on keeps every other caller's answer, which an
 * exit would cut. Whatever the broken step owed is found by those who wait for it: deadlines, leases,
 * the sweeper. A process that does nothing but fail is worth no answers: it ends, non-zero, for its
 * supervisor to start anew.
 */
export class UnhandledErrors {
  /** Of this process so far. */
  readonly counts: UnhandledErrorCounts = { rejection: 0, exception: 0 };
  /** Resolves when errors come in a loop: the process must be stopped. */
  readonly failed: Promise<Error>;
  readonly #deps: UnhandledErrorsDeps;
  readonly #fail: (error: Error) => void;
  /** When each stack was written last, and how often it came since. */
  readonly #written = new Map<string, { readonly atMs: number; since: number }>();
  #minute = { fromMs: Number.NEGATIVE_INFINITY, count: 0 };
  #log: Pick<FastifyBaseLogger, "error" | "fatal"> | undefined;

  constructor(deps: UnhandledErrorsDeps) {
    this.#deps = deps;
    ({ promise: this.failed, resolve: this.#fail } = Promise.withResolvers<Error>());
  }

  /** From now on, to the process's very end. Rejections come as exceptions of that origin. */
  listen(): void {
    process.on("uncaughtException", (error: unknown, origin) => {
      this.note(error, origin === "unhandledRejection" ? "rejection" : "exception");
    });
  }

  logTo(log: Pick<FastifyBaseLogger, "error" | "fatal">): void {
    this.#log = log;
  }

  note(error: unknown, kind: keyof UnhandledErrorCounts): void {
    this.counts[kind] += 1;
    const nowMs = this.#deps.now();
    // What is thrown here would end the process after all.
    try {
      this.#write(error, kind, nowMs);
    } catch {
      // Neither the log nor stderr can be written to: the count stands.
    }
    this.#countInMinute(nowMs);
  }

  #write(error: unknown, kind: keyof UnhandledErrorCounts, nowMs: number): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    for (const [old, { atMs }] of this.#written)
      if (nowMs - atMs >= SAME_ERROR_MS && old !== stack) this.#written.delete(old);
    const last = this.#written.get(stack);
    if (last !== undefined && nowMs - last.atMs < SAME_ERROR_MS) {
      last.since += 1;
      return;
    }
    this.#written.set(stack, { atMs: nowMs, since: 0 });
    // Not the error itself: what libraries hang on it (a command with its arguments) may be a prompt.
    if (this.#log === undefined) this.#deps.stderr.write(`spillway: ${SENTENCE}: ${stack}\n`);
    else this.#log.error({ kind, stack, times: 1 + (last?.since ?? 0) }, SENTENCE);
  }

  #countInMinute(nowMs: number): void {
    if (nowMs - this.#minute.fromMs >= MINUTE_MS) this.#minute = { fromMs: nowMs, count: 0 };
    this.#minute.count += 1;
    if (this.#minute.count !== MOST_IN_A_MINUTE) return;
    const sentence = `${MOST_IN_A_MINUTE} errors that nobody handled within a minute`;
    this.#fail(new Error(sentence));
    try {
      this.#log?.fatal(`${sentence}: the process ends`);
    } catch {
      // As above.
    }
  }
}

const SENTENCE = "an error that nobody handled; the process goes on";
