import type { CompiledRoute, CompiledTarget } from "../../shared/inference/compiled-route.ts";
import type { ProviderBoard, ProviderState } from "../../shared/providers/provider-board.ts";

/** Waiting lines of a batch at a provider: enough for its slots until the next round, and no more. */
const WINDOW_PER_SLOT = 2;
const MIN_WINDOW = 32;

/** How a batch's waiting lines are spread; looks like the board to whoever chooses a target. */
export class FeedWindow {
  readonly #board: Pick<ProviderBoard, "get">;
  readonly #waiting: Map<string, number>;

  /** `waiting`: by provider. */
  constructor(board: Pick<ProviderBoard, "get">, waiting: Map<string, number>) {
    this.#board = board;
    this.#waiting = waiting;
  }

  get(name: string): ProviderState | undefined {
    const state = this.#board.get(name);
    return state && { ...state, placed: this.#waiting.get(name) ?? 0 };
  }

  place(provider: string): void {
    this.#waiting.set(provider, (this.#waiting.get(provider) ?? 0) + 1);
  }

  /** How many lines of a route may be added: what its providers that are up still take. */
  room({ targets }: CompiledRoute, mayOverflow: boolean): number {
    const serve = providersOf(targets, "serve");
    const isServed = serve.some((provider) => this.get(provider)?.up === true);
    const providers = isServed || !mayOverflow ? serve : providersOf(targets, "overflow");
    return providers.reduce((sum, provider) => sum + this.#roomAt(provider), 0);
  }

  #roomAt(provider: string): number {
    const state = this.get(provider);
    if (state?.up !== true) return 0;
    return Math.max(0, Math.max(MIN_WINDOW, WINDOW_PER_SLOT * state.slots) - state.placed);
  }
}

function providersOf(targets: readonly CompiledTarget[], role: CompiledTarget["role"]): string[] {
  const own = targets.filter((target) => target.role === role);
  return [...new Set(own.map(({ provider }) => provider))];
}
