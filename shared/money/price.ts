/** A target's price is in nano-USD per million tokens: $0.15 per 1M tokens is `150_000_000n`. */
export interface Price {
  readonly inputNanosPerMillion: bigint;
  readonly outputNanosPerMillion: bigint;
}

const TOKENS_PER_PRICE = 1_000_000n;

/**
 * Returns the cost of so many tokens in nano-USD, rounded up once. Token counts are non-negative
 * integers.
 */
export function costNanos(price: Price, inputTokens: number, outputTokens: number): bigint {
  const exact =
    BigInt(inputTokens) * price.inputNanosPerMillion +
    BigInt(outputTokens) * price.outputNanosPerMillion;
  return (exact + TOKENS_PER_PRICE - 1n) / TOKENS_PER_PRICE;
}
