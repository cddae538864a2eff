import type { ProbeResult, Provider } from "../providers/provider.ts";

export interface ProberDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  /** A cloud that is reached is left in peace: its calls tell how it is. */
  readonly isCloud: (provider: string) => boolean;
  /** It answers, but rests: its probes tell when it may be tried again. */
  readonly isResting: (provider: string) => boolean;
  readonly onChange: (provider: string, reachable: boolean) => void;
  readonly onResult: (provider: string, result: ProbeResult) => void;
}

const PROBE_TIMEOUT_MS = 6_000;
/** Rounds from one probe of a local provider that is reached to the next. */
const ROUNDS_WHILE_UP = 5;

/**
 * Finds out by GETs which providers answer this worker. One that refuses connections is taken out,
 * at once when a call finds it so or at the latest by the next round, and put back when it answers.
 */
export class Prober {
  readonly #deps: ProberDeps;
  readonly #unreachable = new Set<string>();
  #round = 0;

  constructor(deps: ProberDeps) {
    this.#deps = deps;
  }

  isReachable(provider: string): boolean {
    return !this.#unreachable.has(provider);
  }

  unreachable(): string[] {
    return [...this.#unreachable];
  }

  /** One round, all providers side by side. */
  async probe(): Promise<void> {
    const round = this.#round++;
    await Promise.all(
      Array.from(this.#deps.providers, async ([name, provider]) => {
        const isSeldom = !this.#deps.isResting(name) && round % ROUNDS_WHILE_UP !== 0;
        if (this.isReachable(name) && (this.#deps.isCloud(name) || isSeldom)) return;
        const result = await provider.probe(AbortSignal.timeout(PROBE_TIMEOUT_MS));
        // `unwell` says nothing new: it answers, so it stays in; it does not serve, so it stays out.
        if (result !== "unwell") this.note(name, result === "well");
        this.#deps.onResult(name, result);
      }),
    );
  }

  /** What a call or a probe has found. */
  note(provider: string, reachable: boolean): void {
    if (!this.#deps.providers.has(provider) || this.isReachable(provider) === reachable) return;
    if (reachable) this.#unreachable.delete(provider);
    else this.#unreachable.add(provider);
    this.#deps.onChange(provider, reachable);
  }
}
