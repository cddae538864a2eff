import type { FeedStatements } from "../../shared/batches/feed-statements.ts";

export interface FailingProvidersDeps {
  readonly statements: Pick<FeedStatements, "failing">;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

const LOOK_MS = 500;
/** Between one line and the next that try a provider, doubled each time. */
const FIRST_TRY_MS = 1_000;
const MAX_TRY_MS = 30_000;

interface Tries {
  at: number;
  pauseMs: number;
}

/**
 * Providers that answer, but with failures alone: a batch would use itself up there in minutes. One
 * line now and then tries whether such a provider is well again.
 */
export class FailingProviders {
  readonly #deps: FailingProvidersDeps;
  readonly #tries = new Map<string, Tries>();
  #nextLookAt = 0;

  constructor(deps: FailingProvidersDeps) {
    this.#deps = deps;
  }

  async look(): Promise<void> {
    const { statements, now } = this.#deps;
    if (now() < this.#nextLookAt) return;
    const failing = new Set(await statements.failing());
    this.#nextLookAt = now() + LOOK_MS;
    for (const name of this.#tries.keys()) if (!failing.has(name)) this.#tries.delete(name);
    for (const name of failing)
      if (!this.#tries.has(name))
        this.#tries.set(name, { at: now() + FIRST_TRY_MS, pauseMs: FIRST_TRY_MS });
  }

  has(provider: string): boolean {
    return this.#tries.has(provider);
  }

  /** Whether a line may go there: always, but for a failing one, which is tried now and then. */
  mayTry(provider: string): boolean {
    return this.#deps.now() >= (this.#tries.get(provider)?.at ?? 0);
  }

  tried(provider: string): void {
    const tries = this.#tries.get(provider);
    if (tries === undefined) return;
    tries.pauseMs = Math.min(2 * tries.pauseMs, MAX_TRY_MS);
    tries.at = this.#deps.now() + tries.pauseMs;
  }
}
