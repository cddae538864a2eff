import type { Plan, PlannedTarget, Residency } from "../contracts/plan.ts";
import { BrokerError } from "../errors/broker-error.ts";
import { costNanos } from "../money/price.ts";
import type { CompiledRoute, CompiledTarget } from "./compiled-route.ts";
import type { InputBound } from "../requests/cost-bound.ts";

/** The longest context that is assumed. The configuration allows no longer one either. */
const LONGEST_CONTEXT = 10_000_000;

export interface PlanRequest {
  readonly residency: Residency;
  readonly input: InputBound;
  /** Output tokens over all choices. */
  readonly outputTokens: number;
  /** The key has a budget, so every target needs a sound worst case. */
  readonly budgeted: boolean;
}

export interface MadePlan {
  readonly plan: Plan;
  /** The maximum over all its targets. */
  readonly inputTokens: number;
}

/**
 * Freezes the targets of a job and the most that one attempt can cost at each. Cloud targets are
 * left out for `residency: local`. Throws `BrokerError` `no_capacity` when no target is left, and
 * `invalid_request` when a budgeted key sends media to a priced target of unknown context length.
 */
export function makePlan(route: CompiledRoute, request: PlanRequest): MadePlan {
  const targets = route.targets.filter(
    (target) => request.residency === "any" || target.location === "local",
  );
  if (targets.length === 0)
    throw new BrokerError(
      "no_capacity",
      `The model '${route.config.name}' has no local provider, and this request must stay local.`,
    );
  const inputTokens = targets.map((target) => inputTokensAt(target, request));
  return {
    plan: targets.map((target, index) => freeze(target, inputTokens[index] ?? 0, request)),
    inputTokens: Math.max(...inputTokens),
  };
}

function inputTokensAt(target: CompiledTarget, { input, budgeted }: PlanRequest): number {
  if (input.unbounded === undefined) return input.textTokens;
  const { inputNanosPerMillion, outputNanosPerMillion } = target.price;
  const isFree = inputNanosPerMillion === 0n;
  const isTooOpen = input.hasProviderTools
    ? !isFree || outputNanosPerMillion !== 0n
    : target.contextLength === undefined && !isFree;
  if (budgeted && isTooOpen)
    throw new BrokerError(
      "invalid_request",
      "The cost of images, audio, files and a provider's own tools cannot be bounded for this model, " +
        `and this key has a budget. ${
          input.hasProviderTools
            ? "Leave the provider's tools out, or use tools of type 'function'."
            : "It could be if the operator set 'context_length' at each of the model's targets."
        }`,
      { param: input.unbounded },
    );
  return target.contextLength ?? LONGEST_CONTEXT;
}

function freeze(
  target: CompiledTarget,
  inputTokens: number,
  { outputTokens }: PlanRequest,
): PlannedTarget {
  return {
    provider: target.provider,
    location: target.location,
    role: target.role,
    model: target.model,
    ...(target.contextLength === undefined ? {} : { contextLength: target.contextLength }),
    inputNanosPerMillion: String(target.price.inputNanosPerMillion),
    outputNanosPerMillion: String(target.price.outputNanosPerMillion),
    holdNanos: String(costNanos(target.price, inputTokens, outputTokens)),
  };
}
