/** Something may have happened: waited for by one reader, noted by anyone. */
export class News {
  #isNoted = false;
  #wake: (() => void) | undefined;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#wake?.();

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  note(): void {
    this.#isNoted = true;
    this.#wake?.();
  }

  /** Resolves with true at the next note, one that came before included, with false after `withinMs`. */
  async next(withinMs: number): Promise<boolean> {
    if (!this.#isNoted && !this.#signal.aborted)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    this.#wake = undefined;
    const isNoted = this.#isNoted;
    this.#isNoted = false;
    return isNoted;
  }

  close(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }
}
