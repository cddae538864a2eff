import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { ProviderCall } from "../providers/provider.ts";

export interface QueueSigns {
  /** Whether calls wait inside the engine; undefined: it does not say. */
  readonly hasQueue: () => boolean | undefined;
  /** What a first token usually takes here; undefined: not measured yet. */
  readonly usualTtftMs: () => number | undefined;
}

const LOOK_MS = 250;
/** Where an engine tells nothing of its queue: so much longer than usual without a byte is waiting. */
const UNUSUAL = 3;
/** Less than that is no sign of a queue, however quick its first tokens usually are. */
const LEAST_UNUSUAL_MS = 2_000;
/** The same before a first token was ever measured there. */
const UNMEASURED_MS = 10_000;

/**
 * The wait of one call for its first byte inside the engine. It counts like the wait in our own queue:
 * past the route's `overflow_when.waited`, with a queue inside the engine and another target that
 * would take the job now, the call is cut.
 */
export class QueueWait {
  /** Stops the call: its own signal, or that it waits too long. */
  readonly signal: AbortSignal;
  /** The first byte has come, or the call is over. */
  isOver = false;
  readonly #cut = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(request: ProviderCall, signs: QueueSigns) {
    const { overflow, endpoint, signal } = request;
    this.signal = AbortSignal.any([signal, this.#cut.signal]);
    // Embeddings come in one piece, so that their first byte says nothing of a queue.
    if (overflow === undefined || endpoint === "embeddings") return;
    const startedAt = performance.now();
    const look = (): void => {
      const elapsedMs = performance.now() - startedAt;
      const waits = signs.hasQueue() ?? isUnusual(elapsedMs, signs.usualTtftMs());
      if (waits && overflow.isOpen()) this.#cut.abort(new Error("it waits inside the engine"));
      else this.#timer = setTimeout(look, LOOK_MS);
    };
    this.#timer = setTimeout(look, overflow.afterMs);
  }

  /** No longer looked at. */
  end(): void {
    this.isOver = true;
    clearTimeout(this.#timer);
  }

  /** What a call that was cut for its wait ended as: its job goes on elsewhere. */
  judge(outcome: ProviderOutcome): ProviderOutcome {
    if (outcome.kind !== "aborted" || !this.#cut.signal.aborted) return outcome;
    const detail = "the call waited inside the engine for longer than its route allows";
    return { ...outcome, kind: "failed", reason: "engine_queue", detail };
  }
}

function isUnusual(elapsedMs: number, usualMs: number | undefined): boolean {
  if (usualMs === undefined) return elapsedMs > UNMEASURED_MS;
  return elapsedMs > Math.max(LEAST_UNUSUAL_MS, UNUSUAL * usualMs);
}
