import { describe, expect, test } from "vitest";
import { BrokerError } from "../../../../shared/errors/broker-error.ts";
import { outputCap } from "../../../../shared/requests/output-cap.ts";

const lower = { maxOutputTokens: 4_096, outputCap: "lower" } as const;
const own = (cap: number) => ({ cap, capIsDefault: false, loweredCap: undefined });
const routes = { cap: 4_096, capIsDefault: true, loweredCap: undefined };
const lowered = { ...routes, loweredCap: 4_096 };

describe("the cap of one choice", () => {
  test.each([
    [{}, routes],
    [{ max_tokens: null }, routes],
    [{ max_tokens: -1 }, routes],
    [{ max_completion_tokens: -1, max_tokens: -1 }, routes],
    [{ max_tokens: 1 }, own(1)],
    [{ max_tokens: 4_096 }, own(4_096)],
    [{ max_tokens: 4_097 }, lowered],
    [{ max_completion_tokens: 32_000 }, lowered],
    [{ max_output_tokens: 80_000 }, lowered],
    [{ max_tokens: 7, max_completion_tokens: 7 }, own(7)],
    [{ max_tokens: 9, max_completion_tokens: 7 }, own(7)],
    [{ max_tokens: 7, max_completion_tokens: 9 }, own(7)],
    [{ max_tokens: -1, max_completion_tokens: 9 }, own(9)],
    [{ max_tokens: 50_000, max_completion_tokens: 9 }, own(9)],
    [{ max_tokens: Number.MAX_SAFE_INTEGER }, lowered],
  ])("of %j", (asked, expected) => {
    expect(outputCap("chat.completions", asked, lower)).toEqual(expected);
  });

  test("may be 0 where the prompt alone is wanted", () => {
    expect(outputCap("completions", { max_tokens: 0 }, lower)).toEqual(own(0));
    for (const endpoint of ["chat.completions", "responses"] as const)
      expect(() => outputCap(endpoint, { max_tokens: 0 }, lower)).toThrow(BrokerError);
  });

  test("is refused above the route's where the route says so, by the name that was used", () => {
    const refuse = { ...lower, outputCap: "refuse" } as const;
    expect(outputCap("responses", {}, refuse)).toEqual(routes);
    for (const param of ["max_tokens", "max_completion_tokens", "max_output_tokens"] as const) {
      const error = new Error("was taken");
      try {
        outputCap("chat.completions", { [param]: 32_000 }, refuse);
        throw error;
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: "invalid_request", param });
      }
    }
  });
});
