import { within } from "../../shared/timing/within.ts";

export interface SeclusionDeps {
  /** True: take nothing new from any queue until false. */
  readonly onClosed: (closed: boolean) => void;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
  /** How long the first suspect waits for what runs to end; twice as long each time it does not. */
  readonly patienceMs?: number;
}

const PATIENCE_MS = 30_000;
const MAX_PATIENCE_MS = 600_000;
/** The least that others have between two suspects. */
const MIN_OPEN_MS = 250;

/**
 * Lets a suspect, a job that was running at two deaths of workers, be the only one in flight in this
 * process, so that it takes nobody with it. For that the process takes nothing new until what runs has
 * ended, and the suspect too. One suspect at a time; then the others have at least as long as they
 * were kept waiting. Of a fleet only this one worker is closed meanwhile.
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

  /** Whether something may be begun now; if so, `leave` must follow. */
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
   * Runs the work of one that has entered while nothing else is in flight here. False, and nothing
   * was run: another suspect has its turn or the others have theirs, or what runs took too long, or
   * `signal` told to stop waiting.
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
