import { describe, expect, it } from "vitest";
import { fullJitterMs } from "../../../../workers/attempts/back-off.ts";

describe("fullJitterMs", () => {
  it("doubles its window with each failure up to the cap", () => {
    const longest = [1, 2, 3, 4, 7, 1000].map((attempt) => fullJitterMs(attempt, () => 0.999_999));
    expect(longest).toEqual([249, 499, 999, 1999, 9999, 9999]);
  });

  it("may come back at once", () => {
    expect(fullJitterMs(5, () => 0)).toBe(0);
  });
});
