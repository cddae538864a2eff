import type { ProbeResult, Provider } from "../providers/provider.ts";

export interface ProberDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  /** A cloud provider that is reached gets no probes: its calls show its health. */
  readonly isCloud: (provider: string) => boolean;
  /**
   * A provider that answers but rests gets a probe each round, which shows when to try it again.
   */
  readonly isResting: (provider: string) => boolean;
  readonly onChange: (provider: string, reachable: boolean) => void;
  readonly onResult: (provider: string, result: ProbeResult) => void;
}

const PROBE_TIMEOUT_MS = 6_000;
/** A local provider that is reached gets one probe in so many rounds. */
const ROUNDS_WHILE_UP = 5;

/**
 * Finds out with GET requests which providers answer this worker. A provider that refuses
 * connections is taken out: at once if a call finds it so, or else by the next round. It is put
 * back when it answers.
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

  /** Makes one round, all providers at once. */
  async probe(): Promise<void> {
    const round = this.#round++;
    await Promise.all(
      Array.from(this.#deps.providers, async ([name, provider]) => {
        const isSeldom = !this.#deps.isResting(name) && round % ROUNDS_WHILE_UP !== 0;
        if (this.isReachable(name) && (this.#deps.isCloud(name) || isSeldom)) return;
        const result = await provider.probe(AbortSignal.timeout(PROBE_TIMEOUT_MS));
        // `unwell` changes nothing: the provider answers, so it stays in; it does not serve, so it
        // stays out.
        if (result !== "unwell") this.setReachable(name, result === "well");
        this.#deps.onResult(name, result);
      }),
    );
  }

  /** Records what a call or a probe has found. */
  setReachable(provider: string, reachable: boolean): void {
    if (!this.#deps.providers.has(provider) || this.isReachable(provider) === reachable) return;
    if (reachable) this.#unreachable.delete(provider);
    else this.#unreachable.add(provider);
    this.#deps.onChange(provider, reachable);
  }
}
