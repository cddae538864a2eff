export interface OwnWritesDeps {
  readonly onError: (error: unknown, provider: string) => void;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
}

/**
 * Sends this worker's statements about providers one after the other. While one is under way, the
 * database still shows an older state of that provider.
 */
export class OwnWrites {
  readonly #deps: OwnWritesDeps;
  readonly #underWay = new Map<string, number>();
  readonly #endedAt = new Map<string, number>();
  #last: Promise<void> = Promise.resolve();

  constructor(deps: OwnWritesDeps) {
    this.#deps = deps;
  }

  add(provider: string, write: () => Promise<void>): void {
    this.#underWay.set(provider, (this.#underWay.get(provider) ?? 0) + 1);
    this.#last = this.#run(this.#last, provider, write);
  }

  isWriting(provider: string): boolean {
    return (this.#underWay.get(provider) ?? 0) > 0;
  }

  /**
   * Tells whether a write has ended since `askedMs` or is under way, so that an answer to a
   * question of that time may not show it.
   */
  hasWrittenSince(provider: string, askedMs: number): boolean {
    const endedMs = this.#endedAt.get(provider) ?? Number.NEGATIVE_INFINITY;
    return this.isWriting(provider) || endedMs >= askedMs;
  }

  async #run(before: Promise<void>, provider: string, write: () => Promise<void>): Promise<void> {
    await before;
    try {
      await write();
    } catch (error) {
      this.#deps.onError(error, provider);
    } finally {
      this.#underWay.set(provider, (this.#underWay.get(provider) ?? 1) - 1);
      this.#endedAt.set(provider, this.#deps.now());
    }
  }
}
