import type { RouteConfig } from "../../config/config.ts";
import type { Plan } from "../contracts/plan.ts";
import type { ProviderStates, ProviderState } from "../providers/provider-states.ts";

export interface ChosenTarget {
  /** Index in the plan. */
  readonly target: number;
  /** Waiting time after which the job may overflow, in milliseconds; null: not for waiting. */
  readonly overflowMs: number | null;
}

type Rules = Pick<RouteConfig, "overflowWhen" | "noCapacity">;

interface Candidate {
  readonly target: number;
  readonly state: ProviderState;
}

/**
 * Where a new job goes first: the least loaded `serve` target that is up. With none up, an overflow
 * target with a free slot, where failure may overflow; else the job waits at a `serve` target and
 * overflows as soon as there is room. Null: nothing is up that it could reach, and the route
 * rather refuses than waits.
 */
export function chooseTarget(
  plan: Plan,
  rules: Rules,
  providerStates: Pick<ProviderStates, "get">,
  random: () => number,
): ChosenTarget | null {
  const all = plan.flatMap(({ provider, role }, target) => {
    const state = providerStates.get(provider);
    return state === undefined ? [] : [{ target, role, state }];
  });
  const serve = all.filter(({ role }) => role === "serve");
  const overflow = all.filter(({ role }) => role === "overflow");
  const { waitedMs, failed } = rules.overflowWhen;
  const afterWaiting = overflow.length > 0 ? waitedMs : null;

  const up = leastLoaded(serve.filter(isUp), random);
  if (up !== undefined) return { target: up.target, overflowMs: afterWaiting };

  const overflowUp = overflow.filter(isUp);
  const alone = serve.length === 0;
  if (failed || alone) {
    const free = overflowUp.filter(({ state }) => state.placed < state.slots);
    const place = leastLoaded(alone ? overflowUp : free, random);
    if (place !== undefined) return { target: place.target, overflowMs: null };
  }
  const reachable = overflowUp.length > 0 && (failed || waitedMs !== null);
  if (!reachable && rules.noCapacity === "reject") return null;
  const wait = leastLoaded(alone ? overflow : serve, random);
  if (wait === undefined) return null;
  if (alone) return { target: wait.target, overflowMs: null };
  return { target: wait.target, overflowMs: failed && overflow.length > 0 ? 0 : afterWaiting };
}

function isUp({ state }: Candidate): boolean {
  return state.up;
}

function leastLoaded(
  candidates: readonly Candidate[],
  random: () => number,
): Candidate | undefined {
  const load = ({ state }: Candidate): number => state.placed / state.slots;
  const least = Math.min(...candidates.map(load));
  const ties = candidates.filter((candidate) => load(candidate) === least);
  return ties[Math.floor(random() * ties.length)];
}
