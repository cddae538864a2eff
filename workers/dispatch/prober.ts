import type { Provider } from "../provider.ts";

export interface ProberDeps {
  readonly providers: ReadonlyMap<string, Provider>;
  /** A cloud that is reached is left in peace: its calls tell how it is. */
  readonly isCloud: (provider: string) => boolean;
  readonly onChange: (provider: string, reachable: boolean) => void;
  readonly now: () => number;
}

const PROBE_TIMEOUT_MS = 6_000;
/** Rounds from one probe of a local provider that is reached to the next. */
const ROUNDS_WHILE_UP = 5;
/** How long a provider stays out that refused our credential or whose quota is used up. */
const SUSPENSION_MS = 60_000;

/**
 * Finds out by GETs which providers answer this worker. One that refuses connections is taken out,
 * at once when a call finds it so or at the latest by the next round, and put back when it answers.
 */
export class Prober {
  readonly #deps: ProberDeps;
  readonly #unreachable = new Set<string>();
  readonly #suspendedUntil = new Map<string, number>();
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
        const restful = this.#deps.isCloud(name) || round % ROUNDS_WHILE_UP !== 0;
        if (this.isReachable(name) && restful) return;
        const result = await provider.probe(AbortSignal.timeout(PROBE_TIMEOUT_MS));
        // `unwell` says nothing new: it answers, so it stays in; it does not serve, so it stays out.
        if (result !== "unwell") this.note(name, result === "well");
      }),
    );
  }

  /** Takes out a provider that answers, but will not serve us for a while. */
  suspend(provider: string): void {
    this.#suspendedUntil.set(provider, this.#deps.now() + SUSPENSION_MS);
    this.note(provider, false);
  }

  /** What a call or a probe has found. */
  note(provider: string, reachable: boolean): void {
    if (reachable && (this.#suspendedUntil.get(provider) ?? 0) > this.#deps.now()) return;
    if (!this.#deps.providers.has(provider) || this.isReachable(provider) === reachable) return;
    if (reachable) this.#unreachable.delete(provider);
    else this.#unreachable.add(provider);
    this.#deps.onChange(provider, reachable);
  }
}
