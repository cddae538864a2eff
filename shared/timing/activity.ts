/**
 * Tracks whether a process may have work. It may have work after each signal, until a look finds
 * none. The next look also finds work that another process has created.
 */
export class Activity {
  readonly #hasWork: () => Promise<boolean>;
  #wasSignalled = true;
  /** Aborted when the idle time ends. Undefined while there may be work. */
  #idle: AbortController | undefined;

  constructor(hasWork: () => Promise<boolean>) {
    this.#hasWork = hasWork;
  }

  /** A signal that is aborted by the next sign of work. Undefined while there may be work. */
  get idle(): AbortSignal | undefined {
    return this.#idle?.signal;
  }

  /** Records that something was requested, begun or ended in this process. */
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
