/** One provider as this process sees it. */
export interface ProviderState {
  readonly name: string;
  readonly location: "local" | "cloud";
  /** Over the whole fleet. */
  slots: number;
  up: boolean;
  /** Jobs that this process has placed there and that have not ended or moved. */
  placed: number;
}

/**
 * What is up in the fleet and how loaded, for choices that must be quick and may be slightly wrong: the claim
 * and move statements decide. Every API process balances by its own jobs.
 */
export class ProviderBoard {
  readonly #states: ReadonlyMap<string, ProviderState>;
  readonly #listeners: ((state: ProviderState) => void)[] = [];

  constructor(providers: Iterable<Pick<ProviderState, "name" | "location" | "slots">>) {
    this.#states = new Map(
      Array.from(providers, (provider) => [
        provider.name,
        {
          name: provider.name,
          location: provider.location,
          slots: provider.slots,
          up: true,
          placed: 0,
        },
      ]),
    );
  }

  get(name: string): ProviderState | undefined {
    return this.#states.get(name);
  }

  all(): ProviderState[] {
    return [...this.#states.values()];
  }

  isUp(name: string): boolean {
    return this.#states.get(name)?.up ?? false;
  }

  /** Takes over what the fleet knows; names that this process does not use are passed over. */
  apply(known: Iterable<{ name: string; slots: number; healthy: boolean }>): void {
    for (const { name, slots, healthy } of known) {
      const state = this.#states.get(name);
      if (state !== undefined) state.slots = slots;
      this.setUp(name, healthy);
    }
  }

  /** Notes a change and tells the listeners; false if nothing changed. */
  setUp(name: string, up: boolean): boolean {
    const state = this.#states.get(name);
    if (state === undefined || state.up === up) return false;
    state.up = up;
    for (const listener of this.#listeners) listener(state);
    return true;
  }

  onChange(listener: (state: ProviderState) => void): void {
    this.#listeners.push(listener);
  }
}
