import type { PlannedTarget } from "../../shared/contracts/plan.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";
import { costNanos } from "../../shared/money/price.ts";

/** Tokens and cost of one attempt. */
export interface AttemptCost {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /**
   * True when a count is a bound instead of a report, or a report that is too small or too large to
   * be believed.
   */
  readonly estimated: boolean;
  readonly nanos: bigint;
}

export interface TokenBounds {
  /** Upper bound of the prompt's tokens. */
  readonly input: number;
  /** Upper bound of all generated tokens. */
  readonly output: number;
}

/** The longest tokens in use, runs of blanks, have 128 bytes (o200k, Llama 3). */
const longestTokenBytes = 128;

/**
 * Computes the cost of an attempt. Reported usage counts as reported, also beyond the bounds. A
 * budget may only err to the safe side. So some calls count at least the bound of their prompt, and
 * each byte of output as a token: calls that produced output, or that we stopped while they may
 * have run, and whose report is missing, is a floor or is too small to be true (no prompt, or fewer
 * tokens than the text has). A call that the provider refused or broke off before any output costs
 * nothing.
 */
export function attemptCost(
  outcome: ProviderOutcome,
  target: PlannedTarget,
  bounds: TokenBounds,
): AttemptCost {
  const { usage } = outcome;
  if (!mayHaveRun(outcome)) return costOf(target, 0, 0, false);
  const output =
    outcome.hidesOutput === true ? bounds.output : Math.min(outcome.outputBytes, bounds.output);
  if (usage === undefined) return costOf(target, bounds.input, output, true);
  const { promptTokens, completionTokens } = usage;
  const doubtsPrompt = usage.promptIsFloor === true || promptTokens === 0;
  const doubtsCompletion =
    usage.completionIsFloor === true || completionTokens * longestTokenBytes < outcome.outputBytes;
  const isEmpty = completionTokens === 0 && bounds.output > 0;
  const isTooMuch =
    promptTokens > mostBelievable(bounds.input) || completionTokens > mostBelievable(bounds.output);
  return costOf(
    target,
    doubtsPrompt ? Math.max(promptTokens, bounds.input) : promptTokens,
    doubtsCompletion ? Math.max(completionTokens, output) : completionTokens,
    doubtsPrompt || doubtsCompletion || isEmpty || isTooMuch,
  );
}

/** A report above this is booked all the same, but marked as estimated. */
function mostBelievable(bound: number): number {
  return 4 * bound + 4096;
}

function costOf(
  target: PlannedTarget,
  promptTokens: number,
  completionTokens: number,
  estimated: boolean,
): AttemptCost {
  const price = {
    inputNanosPerMillion: BigInt(target.inputNanosPerMillion),
    outputNanosPerMillion: BigInt(target.outputNanosPerMillion),
  };
  const nanos = costNanos(price, promptTokens, completionTokens);
  return { promptTokens, completionTokens, estimated, nanos };
}

function mayHaveRun(outcome: ProviderOutcome): boolean {
  if (!outcome.sent) return false;
  const { usage } = outcome;
  if (usage !== undefined && usage.promptTokens + usage.completionTokens > 0) return true;
  if (outcome.kind === "ok" || outcome.outputBytes > 0) return true;
  return (
    outcome.kind === "aborted" ||
    outcome.reason === "first_byte_timeout" ||
    outcome.reason === "idle_timeout" ||
    outcome.reason === "engine_queue"
  );
}
