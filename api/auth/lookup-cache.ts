interface Kept<Value> {
  readonly value: Value;
  readonly askedAt: number;
}

export interface LookupCacheOptions {
  /** Milliseconds. */
  readonly now: () => number;
  readonly maxAgeMs: number;
  readonly maxEntries: number;
}

/** Answers that may be a little old. Age counts from the question, not from the answer. */
export class LookupCache<Value> {
  readonly #options: LookupCacheOptions;
  /** In the order of asking, so the first one is the oldest. */
  readonly #kept = new Map<string, Kept<Value>>();

  constructor(options: LookupCacheOptions) {
    this.#options = options;
  }

  get(key: string): Value | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    const ageMs = this.#options.now() - kept.askedAt;
    // A clock that was set back must not stretch the answer's life.
    if (ageMs >= 0 && ageMs < this.#options.maxAgeMs) return kept.value;
    this.#kept.delete(key);
    return undefined;
  }

  set(key: string, value: Value, askedAt: number): void {
    this.#kept.delete(key);
    this.#kept.set(key, { value, askedAt });
    if (this.#kept.size <= this.#options.maxEntries) return;
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest);
      return;
    }
  }

  delete(key: string): void {
    this.#kept.delete(key);
  }
}
