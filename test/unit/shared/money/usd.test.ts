import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatUsd, parseUsd } from "../../../../shared/money/usd.ts";

const cents = (value: number): string => (value / 100).toFixed(2);
const amount = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n });

test("every amount survives being written and read", () => {
  fc.assert(
    fc.property(amount, (nanos) => {
      expect(parseUsd(formatUsd(nanos))).toBe(nanos);
    }),
  );
});

test("amounts are written as plain decimals: no exponent, no trailing zeros, no bare point", () => {
  fc.assert(
    fc.property(amount, (nanos) => {
      expect(formatUsd(nanos)).toMatch(/^(-(?!0$))?(0|[1-9]\d*)(\.\d{0,8}[1-9])?$/);
    }),
  );
});

test("adding in nanos is adding in dollars", () => {
  fc.assert(
    fc.property(fc.nat({ max: 10_000_000 }), fc.nat({ max: 10_000_000 }), (a, b) => {
      expect(parseUsd(cents(a)) + parseUsd(cents(b))).toBe(parseUsd(cents(a + b)));
    }),
  );
});

test("numbers are read as JavaScript prints them", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 }), (nanos) => {
      expect(parseUsd(nanos / 1e9)).toBe(BigInt(nanos));
    }),
  );
});

describe("reading", () => {
  test.each([
    [0, 0n],
    [-0, 0n],
    ["0", 0n],
    ["-0.0", 0n],
    [0.15, 150_000_000n],
    ["0.15", 150_000_000n],
    ["  2.5\n", 2_500_000_000n],
    ["007", 7_000_000_000n],
    [1e-9, 1n],
    ["0.000000001", 1n],
    ["0.0000000010000", 1n],
    [1.5e-7, 150n],
    [1e21, 10n ** 30n],
    [1.25e22, 125n * 10n ** 29n],
    ["-12.000000001", -12_000_000_001n],
    ["123456789012345678901234567890", 123_456_789_012_345_678_901_234_567_890n * 10n ** 9n],
  ])("%j", (usd, nanos) => {
    expect(parseUsd(usd)).toBe(nanos);
  });

  test.each([
    "",
    " ",
    ".5",
    "5.",
    "1,5",
    "1_000",
    "$1",
    "+1",
    "--1",
    "1e3",
    "0x10",
    "NaN",
    "Infinity",
    "1 2",
    "١",
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    "0.0000000001",
    "0.1234567891",
    1e-10,
  ])("%j is refused", (usd) => {
    expect(() => parseUsd(usd)).toThrow(RangeError);
  });

  test("a refusal comes fast, however long the text", () => {
    const start = performance.now();
    expect(() => parseUsd(`${"1".repeat(1_000_000)}x`)).toThrow(RangeError);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});
