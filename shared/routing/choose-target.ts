import type { RouteConfig } from "../../config/config.ts";
import type { Plan } from "../contracts/plan.ts";
import type { ProviderStates, ProviderState } from "../providers/provider-states.ts";

export interface ChosenTarget {
  /** The target's index in the plan. */
  readonly target: number;
  /**
   * The waiting time after which the job may overflow, in milliseconds. Null when waiting is no
   * reason to overflow.
   */
  readonly overflowMs: number | null;
}

type Rules = Pick<RouteConfig, "overflowWhen" | "noCapacity">;

interface Candidate {
  readonly target: number;
  readonly state: ProviderState;
}

/**
 * Chooses the first target of a new job: the least loaded `serve` target that is up. When none is
 * up, it is an overflow target with a free slot, if the route lets failure overflow. Else the job
 * waits at a `serve` target and overflows as soon as a slot is free. Returns null when no target
 * that the job could reach is up and the route refuses rather than waits.
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
