/**
 * Whether a process may have something to do. It has after each signal, until a look finds no work;
 * work that another process has made is found by the next look.
 */
export class Activity {
  readonly #hasWork: () => Promise<boolean>;
  #wasSignalled = true;
  /** Aborted when the idle time ends; undefined while there may be something to do. */
  #idle: AbortController | undefined;

  constructor(hasWork: () => Promise<boolean>) {
    this.#hasWork = hasWork;
  }

  /** Aborted at the first signal of work; undefined while there may be something to do. */
  get idle(): AbortSignal | undefined {
    return this.#idle?.signal;
  }

  /** Something was asked for, begun or ended in this process. */
  signal(): void {
    this.#wasSignalled = true;
    this.#idle?.abort();
    this.#idle = undefined;
  }

  /** Looks for work, unless there was a signal since the last look. */
  async look(): Promise<void> {
    if (this.#wasSignalled) {
      this.#wasSignalled = false;
      return;
    }
    if (await this.#hasWork()) {
      this.signal();
      this.#wasSignalled = false;
    } else if (!this.#wasSignalled) this.#idle ??= new AbortController();
  }
}
