import fc from "fast-check";
import { expect, test } from "vitest";
import { costNanos } from "../../../../shared/money/price.ts";

const nanos = fc.bigInt({ min: 0n, max: 10n ** 15n });
const tokens = fc.nat({ max: 2_000_000_000 });

test("the cost is the exact one rounded up: less than a nano-dollar above it, never below", () => {
  fc.assert(
    fc.property(nanos, nanos, tokens, tokens, (input, output, inTokens, outTokens) => {
      const price = { inputNanosPerMillion: input, outputNanosPerMillion: output };
      const exact = BigInt(inTokens) * input + BigInt(outTokens) * output;
      const over = costNanos(price, inTokens, outTokens) * 1_000_000n - exact;
      expect(over >= 0n && over < 1_000_000n).toBe(true);
    }),
  );
});

test("more tokens or a higher price never cost less", () => {
  fc.assert(
    fc.property(nanos, nanos, tokens, tokens, nanos, (input, output, inTokens, outTokens, more) => {
      const price = { inputNanosPerMillion: input, outputNanosPerMillion: output };
      const base = costNanos(price, inTokens, outTokens);
      const dearer = { ...price, outputNanosPerMillion: output + more };
      expect(costNanos(dearer, inTokens, outTokens) >= base).toBe(true);
      expect(costNanos(price, inTokens + 1, outTokens) >= base).toBe(true);
    }),
  );
});

test("one call never costs more than its tokens billed one by one", () => {
  fc.assert(
    fc.property(nanos, fc.nat({ max: 200 }), (price, count) => {
      const flat = { inputNanosPerMillion: price, outputNanosPerMillion: price };
      expect(costNanos(flat, count, 0) <= BigInt(count) * costNanos(flat, 1, 0)).toBe(true);
    }),
  );
});

test("known prices", () => {
  // $0.15 and $0.60 per million tokens.
  const price = { inputNanosPerMillion: 150_000_000n, outputNanosPerMillion: 600_000_000n };
  expect(costNanos(price, 1_000_000, 1_000_000)).toBe(750_000_000n);
  expect(costNanos(price, 1, 0)).toBe(150n);
  expect(costNanos(price, 0, 0)).toBe(0n);
  // A single token at a price of one nano-dollar per million still costs something.
  expect(costNanos({ inputNanosPerMillion: 1n, outputNanosPerMillion: 0n }, 1, 0)).toBe(1n);
});
