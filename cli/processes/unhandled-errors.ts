import type { FastifyBaseLogger } from "fastify";
import type { UnhandledErrorCounts } from "../../shared/metrics/unhandled-errors-counter.ts";

export interface UnhandledErrorsDeps {
  /** Errors go here until there is a log. */
  readonly stderr: { write(text: string): unknown };
  /** Returns milliseconds that never go back. */
  readonly now: () => number;
}

/** The same error is written once in this time, with a count of those left out. */
const SAME_ERROR_MS = 5_000;
/** No burst of requests that fail alike has this many errors; only a loop does. */
const MOST_IN_A_MINUTE = 1_000;
const MINUTE_MS = 60_000;

/**
 * The last resort for rejections and `error` events that nobody handles. They are logged with their
 * stack and counted, and the process goes on. That is safe here, since no rule about money, slots
 * or outcomes depends on a process's memory: each is one SQL statement with a compare-and-set,
 * under leases and fences that the kernel ends. Going on keeps every other caller's answer, which
 * an exit would cut. Whatever the broken step left undone is found by deadlines, leases and the
 * sweeper. A process that only fails is of no use: it ends with a non-zero code, so that its
 * supervisor starts it again.
 */
export class UnhandledErrors {
  /** The errors of this process so far. */
  readonly counts: UnhandledErrorCounts = { rejection: 0, exception: 0 };
  /** Resolves when errors come in a loop, so that the process must be stopped. */
  readonly failed: Promise<Error>;
  readonly #deps: UnhandledErrorsDeps;
  readonly #fail: (error: Error) => void;
  /** The time when each stack was last written, and the number of its errors since. */
  readonly #written = new Map<string, { readonly atMs: number; since: number }>();
  #minute = { fromMs: Number.NEGATIVE_INFINITY, count: 0 };
  #log: Pick<FastifyBaseLogger, "error" | "fatal"> | undefined;

  constructor(deps: UnhandledErrorsDeps) {
    this.#deps = deps;
    ({ promise: this.failed, resolve: this.#fail } = Promise.withResolvers<Error>());
  }

  /**
   * Listens from now on, to the very end of the process. Rejections come as exceptions of that
   * origin.
   */
  listen(): void {
    process.on("uncaughtException", (error: unknown, origin) => {
      this.record(error, origin === "unhandledRejection" ? "rejection" : "exception");
    });
  }

  logTo(log: Pick<FastifyBaseLogger, "error" | "fatal">): void {
    this.#log = log;
  }

  record(error: unknown, kind: keyof UnhandledErrorCounts): void {
    this.counts[kind] += 1;
    const nowMs = this.#deps.now();
    // An exception thrown here would end the process.
    try {
      this.#write(error, kind, nowMs);
    } catch {
      // Neither the log nor stderr can be written to; the error is still counted.
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
    // The error itself is not written: its fields, such as a command with its arguments, may hold a
    // prompt.
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
      // Nothing can be written, as above.
    }
  }
}

const SENTENCE = "an error that nobody handled; the process goes on";
