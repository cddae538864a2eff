import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import type { ProviderCall } from "../providers/provider.ts";

export interface QueueSigns {
  /** Tells whether calls wait inside the engine; undefined if it is unknown. */
  readonly hasQueue: () => boolean | undefined;
  /** Returns the usual time of a first token here; undefined if it was not measured yet. */
  readonly usualTtftMs: () => number | undefined;
}

const LOOK_MS = 250;
/**
 * If the engine hides its queue, a wait without a byte counts when it is this many times the usual
 * one.
 */
const UNUSUAL = 3;
/** A shorter wait never shows a queue, however quick first tokens usually are. */
const LEAST_UNUSUAL_MS = 2_000;
/** The bound before any first token was measured. */
const UNMEASURED_MS = 10_000;

/**
 * Watches how long a call waits for its first byte inside the engine, which counts like the wait in our
 * own queue. The call is cut when it is past the route's `overflow_when.waited`, the engine has a queue,
 * and another target would take the job now.
 */
export class QueueWait {
  /** Aborts when the call's own signal does, or when it waits too long. */
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

  /** Stops watching. */
  end(): void {
    this.isOver = true;
    clearTimeout(this.#timer);
  }

  /** Turns the outcome of a call that was cut for its wait into a failure, so its job goes on elsewhere. */
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
