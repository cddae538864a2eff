/** An auto-reset event: anyone signals that something may have happened, and one reader waits. */
export class WakeUp {
  #isSignalled = false;
  #wake: (() => void) | undefined;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#wake?.();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  signal(): void {
    this.#isSignalled = true;
    this.#wake?.();
  }

  /** Resolves with true at the next signal, or at once after an earlier one; false after `withinMs`. */
  async next(withinMs: number): Promise<boolean> {
    if (!this.#isSignalled && !this.#signal.aborted)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#wake = undefined;
    const isSignalled = this.#isSignalled;
    this.#isSignalled = false;
    return isSignalled;
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}
