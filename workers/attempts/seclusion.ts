import { within } from "../../shared/timing/within.ts";

export interface SeclusionDeps {
  /** Gets true when no queue's entries may be taken from now on, and false when they may again. */
  readonly onClosed: (closed: boolean) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /**
   * The first suspect waits so long for the running entries to end. Each wait in vain doubles it.
   */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 30_000;
const MAX_PATIENCE_MS = 600_000;
/** Other jobs run at least so long between two suspects. */
const MIN_OPEN_MS = 250;

/**
 * Runs a suspect, a job that was running when two workers died, alone in this process, so that no
 * other job dies with it. The process takes nothing new until the running entries have ended, and
 * then the suspect. Suspects run one at a time, and after each the other jobs get at least as long
 * as they had to wait. The other workers of a fleet go on meanwhile.
 */
export class Seclusion {
  readonly #deps: SeclusionDeps;
  #inFlight = 0;
  #closed = false;
  #openUntil = Number.NEGATIVE_INFINITY;
  #patienceMs: number;
  #onAlone: (() => void) | undefined;

  constructor(deps: SeclusionDeps) {
    this.#deps = deps;
    this.#patienceMs = deps.patienceMs ?? PATIENCE_MS;
  }

  /** Tells whether an entry may begin now. If it may, `leave` must follow. */
  enter(): boolean {
    if (this.#closed) return false;
    this.#inFlight++;
    return true;
  }

  leave(): void {
    this.#inFlight--;
    if (this.#inFlight === 1) this.#onAlone?.();
  }

  /**
   * Runs the work of an entry that has entered, while nothing else is in flight here. Returns false
   * without running it if another suspect or the other jobs have their turn, if the running entries
   * take too long to end, or if `signal` ends the wait.
   */
  async alone(work: () => Promise<void>, signal: AbortSignal): Promise<boolean> {
    const { now, onClosed } = this.#deps;
    if (this.#closed || signal.aborted || now() < this.#openUntil) return false;
    const closedAt = now();
    this.#closed = true;
    onClosed(true);
    try {
      if (!(await this.#othersEnded(signal))) return false;
      await work();
      return true;
    } finally {
      this.#closed = false;
      this.#openUntil = now() + Math.max(MIN_OPEN_MS, now() - closedAt);
      onClosed(false);
    }
  }

  async #othersEnded(signal: AbortSignal): Promise<boolean> {
    if (this.#inFlight > 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onAlone = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      await within(this.#patienceMs, promise);
      this.#onAlone = undefined;
    }
    const ended = this.#inFlight === 1;
    this.#patienceMs = ended
      ? (this.#deps.patienceMs ?? PATIENCE_MS)
      : Math.min(2 * this.#patienceMs, MAX_PATIENCE_MS);
    return ended && !signal.aborted;
  }
}
