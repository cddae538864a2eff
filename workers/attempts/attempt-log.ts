import type { FastifyBaseLogger } from "fastify";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { Attempt } from "./attempt.ts";
import { quietWords } from "./quiet-words.ts";

export interface AttemptLogDeps {
  readonly log: Pick<FastifyBaseLogger, "warn">;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/** Each kind of failure gets so many lines in one window. Further ones are only counted. */
const LINES = 10;
const WINDOW_MS = 10_000;

interface Window {
  readonly beganMs: number;
  lines: number;
  left: number;
}

/**
 * Logs failed attempts with their target, their status and the upstream's words, except words that
 * stand in the request. In a storm only the first of a kind in ten seconds get a line.
 */
export class AttemptLog {
  readonly #deps: AttemptLogDeps;
  readonly #windows = new Map<string, Window>();

  constructor(deps: AttemptLogDeps) {
    this.#deps = deps;
  }

  /** Writes the line. Returns the upstream's words in a form that operators may see. */
  failed(
    attempt: Pick<Attempt, "jobId" | "request" | "job" | "target">,
    outcome: Extract<ProviderOutcome, { kind: "failed" }>,
  ): string {
    const { jobId, request, job, target } = attempt;
    const { reason, status, detail, error } = outcome;
    // A late failure may quote the answer, and a quotation cannot be told from other words.
    const mayQuote = outcome.outputBytes > 0;
    const words =
      error === undefined || mayQuote ? undefined : quietWords(error.message, request.body);
    const why = [status, reason, words ?? detail].filter((part) => part !== undefined).join(" ");
    const leftOut = this.#count(`${target.provider} ${target.model} ${reason} ${status}`);
    if (leftOut !== undefined)
      this.#deps.log.warn(
        {
          provider: target.provider,
          model: target.model,
          job: jobId,
          attempt: job.fence,
          reason,
          ...(status === undefined ? {} : { status }),
          detail,
          ...(error?.code === undefined ? {} : { code: quietWords(error.code, request.body) }),
          ...(words === undefined ? {} : { words }),
          ...(leftOut === 0 ? {} : { alikeLeftOut: leftOut }),
        },
        "an attempt failed",
      );
    return why;
  }

  /**
   * Returns how many lines were left out before this one, or undefined if this one is left out too.
   */
  #count(kind: string): number | undefined {
    const now = this.#deps.now();
    const before = this.#windows.get(kind);
    if (before === undefined || now - before.beganMs >= WINDOW_MS) {
      // Kinds are few, but upstream models come and go.
      if (this.#windows.size > 1_000) this.#windows.clear();
      this.#windows.set(kind, { beganMs: now, lines: 1, left: 0 });
      return before?.left ?? 0;
    }
    before.lines += 1;
    if (before.lines <= LINES) return 0;
    before.left += 1;
    return undefined;
  }
}
