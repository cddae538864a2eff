import type { FastifyBaseLogger } from "fastify";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { Attempt } from "./attempt.ts";
import { quietWords } from "./quiet-words.ts";

export interface AttemptLogDeps {
  readonly log: Pick<FastifyBaseLogger, "warn">;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

/** Lines of one kind of failure in one window; the rest is counted. */
const LINES = 10;
const WINDOW_MS = 10_000;

interface Window {
  readonly beganMs: number;
  lines: number;
  left: number;
}

/**
 * Tells of every failed attempt: where, with what status, and in the upstream's words, of which
 * nothing is shown that the request itself says. In a storm only the first of a kind in ten seconds.
 */
export class AttemptLog {
  readonly #deps: AttemptLogDeps;
  readonly #windows = new Map<string, Window>();

  constructor(deps: AttemptLogDeps) {
    this.#deps = deps;
  }

  /** Writes the line, and returns what the upstream said, in a form that may be shown to operators. */
  failed(
    attempt: Pick<Attempt, "jobId" | "request" | "job" | "target">,
    outcome: Extract<ProviderOutcome, { kind: "failed" }>,
  ): string {
    const { jobId, request, job, target } = attempt;
    const { reason, status, detail, error } = outcome;
    // What fails late may quote the answer, which nobody could tell from other words.
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

  /** How many lines were left out before this one; undefined: it is left out itself. */
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
