import type { PlannedTarget } from "../shared/contracts/plan.ts";
import type { ProviderOutcome } from "../shared/contracts/outcome.ts";
import { costNanos } from "../shared/money/price.ts";

/** What one attempt used and what that costs. */
export interface AttemptCost {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** The counts are upper bounds: the upstream reported none that could be true. */
  readonly estimated: boolean;
  readonly nanos: bigint;
}

export interface TokenBounds {
  /** Upper bound of the prompt's tokens. */
  readonly input: number;
  /** Upper bound of all generated tokens. */
  readonly output: number;
}

/**
 * Cost of an attempt. Reported usage counts as reported. Without it, a budget may only err to the
 * safe side: a call that produced output, or that we stopped while it may have run, counts the
 * bound of its prompt, and a byte of output as a token. What the provider refused or broke before
 * any output costs nothing.
 */
export function attemptCost(
  outcome: ProviderOutcome,
  target: PlannedTarget,
  bounds: TokenBounds,
): AttemptCost {
  const price = {
    inputNanosPerMillion: BigInt(target.inputNanosPerMillion),
    outputNanosPerMillion: BigInt(target.outputNanosPerMillion),
  };
  const cost = (
    promptTokens: number,
    completionTokens: number,
    estimated: boolean,
  ): AttemptCost => ({
    promptTokens,
    completionTokens,
    estimated,
    nanos: costNanos(price, promptTokens, completionTokens),
  });
  if (outcome.usage !== undefined)
    return cost(outcome.usage.promptTokens, outcome.usage.completionTokens, false);
  return mayHaveRun(outcome)
    ? cost(bounds.input, Math.min(outcome.outputBytes, bounds.output), true)
    : cost(0, 0, false);
}

function mayHaveRun(outcome: ProviderOutcome): boolean {
  if (!outcome.sent) return false;
  if (outcome.kind === "ok" || outcome.outputBytes > 0) return true;
  return (
    outcome.kind === "aborted" ||
    outcome.reason === "first_byte_timeout" ||
    outcome.reason === "idle_timeout" ||
    outcome.reason === "engine_queue"
  );
}
