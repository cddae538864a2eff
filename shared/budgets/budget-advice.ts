import type { Endpoint } from "../contracts/endpoint.ts";
import type { PlannedTarget } from "../contracts/plan.ts";
import { formatUsd } from "../money/usd.ts";

const TOKENS_PER_PRICE = 1_000_000n;

const capFields: Readonly<Record<Endpoint, string | undefined>> = {
  "chat.completions": "max_completion_tokens",
  completions: "max_tokens",
  responses: "max_output_tokens",
  embeddings: undefined,
};

export interface UnpaidRequest {
  readonly endpoint: Endpoint;
  readonly target: PlannedTarget;
  /** The output cap of each generated sequence; null for embeddings. */
  readonly maxOutputTokens: number | null;
  /** The output tokens of all sequences. */
  readonly outputTokens: number;
  /** The amount that is left of the budget. */
  readonly freeNanos: bigint;
}

/**
 * Makes a sentence of advice for the caller of a request that the budget does not cover: the
 * largest output cap that would fit, or that the input alone costs too much. It is empty when
 * nothing is left.
 */
export function budgetAdvice(request: UnpaidRequest): string {
  const { endpoint, target, maxOutputTokens, outputTokens, freeNanos } = request;
  const field = capFields[endpoint];
  if (freeNanos <= 0n) return "";
  const price = BigInt(target.outputNanosPerMillion);
  // The unit is a millionth of a nano-dollar. The hold was rounded up, so this is never too little.
  const input = BigInt(target.holdNanos) * TOKENS_PER_PRICE - BigInt(outputTokens) * price;
  const left = freeNanos * TOKENS_PER_PRICE - input;
  const isCapped = field !== undefined && maxOutputTokens !== null && price > 0n;
  const sequences = BigInt(Math.max(1, Math.ceil(outputTokens / (maxOutputTokens ?? 1))));
  const cap = isCapped && left > 0n ? left / price / sequences : 0n;
  if (cap > 0n)
    return `It would fit with '${field}' of at most ${cap} in place of ${maxOutputTokens}.`;
  const inputNanos = (input + TOKENS_PER_PRICE - 1n) / TOKENS_PER_PRICE;
  return `Its input alone, with its tools, may cost $${formatUsd(inputNanos)}: it would have to be shorter.`;
}
