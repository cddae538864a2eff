import type { CompiledTarget } from "../../shared/routing/compiled-route.ts";
import type { ProviderStates, ProviderState } from "../../shared/providers/provider-states.ts";

interface Route {
  readonly targets: readonly Pick<CompiledTarget, "provider" | "role">[];
}

/** At first this many lines per slot may wait at a provider: enough until the next round. */
const LINES_PER_SLOT = 2;
const MIN_LINES = 16;
const MAX_LINES = 2_048;

/**
 * Counts how many of a batch's lines may wait at each provider, and how many do. A window that was
 * found nearly empty is doubled, so that fast providers do not run out between two rounds. One that
 * was found nearly full shrinks again. To the choice of a target it looks like the states of all
 * providers.
 */
export class FeedWindow {
  readonly #providerStates: Pick<ProviderStates, "get">;
  readonly #sizes = new Map<string, number>();
  #waiting = new Map<string, number>();

  constructor(providerStates: Pick<ProviderStates, "get">) {
    this.#providerStates = providerStates;
  }

  /** Begins a round with the number of lines that wait at each provider now. */
  begin(waiting: ReadonlyMap<string, number>): void {
    for (const [name, size] of this.#sizes) {
      const found = waiting.get(name) ?? 0;
      const least = this.#leastSize(name);
      if (found < size / 4) this.#sizes.set(name, Math.min(2 * size, MAX_LINES));
      else if (found > (size * 3) / 4) this.#sizes.set(name, Math.max(least, size * 0.9));
    }
    this.#waiting = new Map(waiting);
  }

  get(name: string): ProviderState | undefined {
    const state = this.#providerStates.get(name);
    return state && { ...state, placed: this.#waiting.get(name) ?? 0 };
  }

  place(provider: string): void {
    this.#waiting.set(provider, (this.#waiting.get(provider) ?? 0) + 1);
    if (!this.#sizes.has(provider)) this.#sizes.set(provider, this.#leastSize(provider));
  }

  /** Returns how many lines of a route may be added: the room at its providers that are up. */
  room({ targets }: Route, mayOverflow: boolean): number {
    const serve = providersOf(targets, "serve");
    const isServed = serve.some((provider) => this.get(provider)?.up === true);
    if (isServed || !mayOverflow) return this.#roomIn(serve);
    // Lines that cannot overflow at once wait where they would be served, and take room there.
    const waiting = serve.reduce((sum, provider) => sum + (this.#waiting.get(provider) ?? 0), 0);
    return Math.max(0, this.#roomIn(providersOf(targets, "overflow")) - waiting);
  }

  #roomIn(providers: readonly string[]): number {
    return providers.reduce((sum, provider) => sum + this.#roomAt(provider), 0);
  }

  #roomAt(provider: string): number {
    const state = this.get(provider);
    if (state?.up !== true) return 0;
    const size = this.#sizes.get(provider) ?? this.#leastSize(provider);
    return Math.max(0, Math.round(size) - state.placed);
  }

  #leastSize(provider: string): number {
    return Math.max(MIN_LINES, LINES_PER_SLOT * (this.#providerStates.get(provider)?.slots ?? 0));
  }
}

function providersOf(targets: Route["targets"], role: CompiledTarget["role"]): string[] {
  const own = targets.filter((target) => target.role === role);
  return [...new Set(own.map(({ provider }) => provider))];
}
