import type { RestReason } from "../contracts/rest-reason.ts";
import type { EngineState } from "./engine-state.ts";

/** A provider's state in this process. */
export interface ProviderState {
  readonly name: string;
  readonly location: "local" | "cloud";
  /** The slots over the whole fleet. */
  slots: number;
  up: boolean;
  /** The reason of a rest and its end (Unix milliseconds). Null when the provider does not rest. */
  restReason: RestReason | null;
  restsUntil: number | null;
  /** Tokens of prompt and answer together, by the model names in the routes, where known. */
  contextLengths: Readonly<Record<string, number>>;
  /** The engine silently cuts a prompt that exceeds its context. */
  truncates: boolean;
  /** Jobs that this process has placed at the provider and that have not ended or moved. */
  placed: number;
}

/** The database's knowledge of a provider. */
interface KnownProvider {
  readonly name: string;
  readonly slots: number;
  readonly healthy: boolean;
  readonly resting_ms: number | null;
  readonly rest_reason: RestReason | null;
  /** The facts about the engine. Undefined where they were not read. */
  readonly context_lengths?: Readonly<Record<string, number>> | null | undefined;
  readonly truncates?: boolean | null;
}

/**
 * Health and load of the providers, for choices that must be quick and may be slightly wrong: the
 * claim and move statements decide. Every API process balances by its own jobs.
 */
export class ProviderStates {
  readonly #states: ReadonlyMap<string, ProviderState>;

  constructor(providers: Iterable<Pick<ProviderState, "name" | "location" | "slots">>) {
    this.#states = new Map(
      Array.from(providers, (provider) => [
        provider.name,
        {
          name: provider.name,
          location: provider.location,
          slots: provider.slots,
          up: true,
          restReason: null,
          restsUntil: null,
          contextLengths: {},
          truncates: false,
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

  /** Returns true when all providers are up. */
  get areUp(): boolean {
    return this.all().every(({ up }) => up);
  }

  isUp(name: string): boolean {
    return this.#states.get(name)?.up ?? false;
  }

  /** Takes over the fleet's knowledge. Names that this process does not use are ignored. */
  apply(known: Iterable<KnownProvider>): void {
    for (const provider of known) {
      const { name, slots, healthy, resting_ms: restingMs, rest_reason: reason } = provider;
      const state = this.#states.get(name);
      if (state !== undefined) {
        const rests = restingMs !== null && restingMs > 0;
        state.slots = slots;
        state.contextLengths = provider.context_lengths ?? state.contextLengths;
        state.truncates = provider.truncates ?? state.truncates;
        state.restReason = rests ? reason : null;
        state.restsUntil = rests ? Date.now() + restingMs : null;
      }
      this.setUp(name, healthy);
    }
  }

  /** Records a rest that a worker of this process has found out, before the fleet knows. */
  recordRest(name: string, reason: RestReason, leftMs: number): void {
    const state = this.#states.get(name);
    if (state === undefined) return;
    state.restReason = reason;
    state.restsUntil = Date.now() + leftMs;
    this.setUp(name, false);
  }

  setUp(name: string, up: boolean): void {
    const state = this.#states.get(name);
    if (state !== undefined) state.up = up;
  }

  /** Records the answers of an engine that a worker of this process has asked. */
  recordEngine(name: string, engine: EngineState): void {
    const state = this.#states.get(name);
    if (state === undefined) return;
    state.contextLengths = engine.context_lengths ?? state.contextLengths;
    state.truncates = engine.truncates ?? state.truncates;
  }
}
