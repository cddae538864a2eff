import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { failureReasons } from "../../../../shared/contracts/failure-reason.ts";
import type { ProviderOutcome, ReportedUsage } from "../../../../shared/contracts/outcome.ts";
import type { PlannedTarget } from "../../../../shared/contracts/plan.ts";
import { attemptCost } from "../../../../workers/attempts/attempt-cost.ts";

/** An input token costs one nano-dollar, an output token a thousand. */
const target: PlannedTarget = {
  provider: "p",
  location: "cloud",
  role: "overflow",
  model: "m",
  inputNanosPerMillion: "1000000",
  outputNanosPerMillion: "1000000000",
  holdNanos: "0",
};
const bounds = { input: 50, output: 20 };

const traffic = {
  sent: true,
  gotHeaders: true,
  outputBytes: 0,
  usage: undefined,
  ttftMs: null,
} as const;
const ok = { ...traffic, kind: "ok", contentType: "application/json" } as const;
const aborted = { ...traffic, kind: "aborted" } as const;
const failed = (reason: (typeof failureReasons)[number]) =>
  ({ ...traffic, kind: "failed", reason, detail: "" }) as const;
const usage = { promptTokens: 7, completionTokens: 3 };

const reported = { promptTokens: 7, completionTokens: 3, estimated: false, nanos: 3_007n };
const nothing = { promptTokens: 0, completionTokens: 0, estimated: false, nanos: 0n };
const estimate = (output: number) => ({
  promptTokens: 50,
  completionTokens: output,
  estimated: true,
  nanos: 50n + 1_000n * BigInt(output),
});

const used = (
  promptTokens: number,
  completionTokens: number,
  floor: Pick<ReportedUsage, "promptIsFloor" | "completionIsFloor"> = {},
): ReportedUsage => ({ promptTokens, completionTokens, ...floor });
const mixed = (input: number, output: number) => ({
  promptTokens: input,
  completionTokens: output,
  estimated: true,
  nanos: BigInt(input) + 1_000n * BigInt(output),
});

describe("reported usage counts as reported", () => {
  test.each<[string, ProviderOutcome]>([
    ["a good answer", { ...ok, usage, outputBytes: 300 }],
    ["a stopped call", { ...aborted, usage, outputBytes: 300 }],
    ["a cut stream", { ...failed("cut"), usage, outputBytes: 300 }],
    ["a refusal that says what it used", { ...failed("bad_request"), usage }],
  ])("%s", (_what, outcome) => {
    expect(attemptCost(outcome, target, bounds)).toEqual(reported);
  });

  test("above the bounds too: what the hold does not cover is the operator's", () => {
    const outcome = { ...ok, usage: { promptTokens: 100, completionTokens: 100 } };
    expect(attemptCost(outcome, target, bounds).nanos).toBe(100_100n);
  });
});

describe("usage that is too small to be true never lowers a bill", () => {
  const floor = { promptIsFloor: true, completionIsFloor: true } as const;
  test.each<[string, ProviderOutcome, ReturnType<typeof estimate>]>([
    ["no tokens beside text", { ...ok, outputBytes: 6, usage: used(0, 0) }, estimate(6)],
    ["no output beside text", { ...ok, outputBytes: 6, usage: used(7, 0) }, mixed(7, 6)],
    ["no prompt", { ...ok, outputBytes: 6, usage: used(0, 3) }, mixed(50, 3)],
    ["a token for 129 bytes", { ...ok, outputBytes: 129, usage: used(7, 1) }, mixed(7, 20)],
    [
      "a count before the end",
      { ...aborted, outputBytes: 6, usage: used(7, 2, floor) },
      estimate(6),
    ],
    [
      "one above the estimate",
      { ...aborted, outputBytes: 6, usage: used(60, 9, floor) },
      mixed(60, 9),
    ],
    [
      "of one of several choices",
      { ...ok, outputBytes: 9, usage: used(7, 4, { completionIsFloor: true }) },
      mixed(7, 9),
    ],
  ])("%s", (_what, outcome, expected) => {
    expect(attemptCost(outcome, target, bounds)).toEqual(expected);
  });

  test("an explicit zero without any text stays, and is marked", () => {
    expect(attemptCost({ ...ok, usage: used(7, 0) }, target, bounds)).toEqual(mixed(7, 0));
  });

  test("embeddings have no output", () => {
    const costs = attemptCost({ ...ok, usage: used(7, 0) }, target, { input: 50, output: 0 });
    expect(costs).toMatchObject({ promptTokens: 7, completionTokens: 0, estimated: false });
  });

  test("zeros of a call that was refused are nothing", () => {
    const outcome = { ...failed("server_error"), usage: used(0, 0, floor) };
    expect(attemptCost(outcome, target, bounds)).toEqual(nothing);
  });
});

describe("without usage", () => {
  test("an answer that was to come in one piece hides what was generated before it was stopped", () => {
    const outcome = { ...aborted, hidesOutput: true } as const;
    expect(attemptCost(outcome, target, bounds)).toEqual(estimate(20));
  });

  test("a good answer counts its prompt's bound and a token for a byte", () => {
    expect(attemptCost({ ...ok, outputBytes: 6 }, target, bounds)).toEqual(estimate(6));
  });

  test("no more output than was allowed", () => {
    expect(attemptCost({ ...ok, outputBytes: 9_999 }, target, bounds)).toEqual(estimate(20));
  });

  test.each(["first_byte_timeout", "idle_timeout", "engine_queue"] as const)(
    "a call given up for its %s may have run, and counts its prompt",
    (reason) => {
      expect(attemptCost(failed(reason), target, bounds)).toEqual(estimate(0));
    },
  );

  test("a call that we stopped may have run, before and after its first byte", () => {
    expect(attemptCost({ ...aborted, gotHeaders: false }, target, bounds)).toEqual(estimate(0));
    expect(attemptCost({ ...aborted, outputBytes: 5 }, target, bounds)).toEqual(estimate(5));
  });

  test.each(failureReasons)("output seen before a failure for %s is charged", (reason) => {
    expect(attemptCost({ ...failed(reason), outputBytes: 4 }, target, bounds)).toEqual(estimate(4));
  });

  test.each(
    failureReasons.filter(
      (reason) => !["first_byte_timeout", "idle_timeout", "engine_queue"].includes(reason),
    ),
  )("a failure for %s before any output costs nothing", (reason) => {
    expect(attemptCost(failed(reason), target, bounds)).toEqual(nothing);
  });

  test.each<[string, ProviderOutcome]>([
    ["connect", { ...failed("connect"), sent: false, gotHeaders: false }],
    ["aborted", { ...aborted, sent: false, gotHeaders: false }],
    ["first_byte_timeout", { ...failed("first_byte_timeout"), sent: false, gotHeaders: false }],
  ])("what was never sent costs nothing (%s)", (_what, outcome) => {
    expect(attemptCost(outcome, target, bounds)).toEqual(nothing);
  });
});

test("without usage the cost never passes what the bounds allow, which is what was held", () => {
  const outcome = fc.oneof(
    fc.constant(ok),
    fc.constant(aborted),
    fc.constantFrom(...failureReasons).map(failed),
  );
  fc.assert(
    fc.property(
      outcome,
      fc.nat(),
      fc.boolean(),
      fc.nat({ max: 1_000_000 }),
      fc.nat({ max: 1_000_000 }),
      (base, outputBytes, sent, input, output) => {
        const cost = attemptCost({ ...base, outputBytes, sent }, target, { input, output });
        expect(cost.nanos <= BigInt(input) + 1_000n * BigInt(output)).toBe(true);
        if (!sent) expect(cost.nanos).toBe(0n);
      },
    ),
  );
});
