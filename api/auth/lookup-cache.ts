interface CachedAnswer<Value> {
  readonly value: Value;
  readonly askedAt: number;
}

export interface LookupCacheOptions {
  /** The time in milliseconds. */
  readonly now: () => number;
  readonly maxAgeMs: number;
  readonly maxEntries: number;
}

/** A cache of answers. Their age counts from the question, not from the answer. */
export class LookupCache<Value> {
  readonly #options: LookupCacheOptions;
  /** The map is in the order of asking, so its first entry is the oldest. */
  readonly #kept = new Map<string, CachedAnswer<Value>>();

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
