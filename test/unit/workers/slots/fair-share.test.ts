import fc from "fast-check";
import { expect, test } from "vitest";
import { fairShare } from "../../../../workers/slots/fair-share.ts";

const fleet = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 40 });

test("shares sum to the slots and differ by one at most", () => {
  fc.assert(
    fc.property(
      fleet,
      fc.integer({ min: 1, max: 500 }),
      fc.string(),
      (workers, slots, provider) => {
        const shares = workers.map((self) => fairShare(slots, workers, self, provider));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(slots);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test("the order in which workers are listed does not matter", () => {
  fc.assert(
    fc.property(fleet, fc.integer({ min: 1, max: 50 }), (workers, slots) => {
      for (const self of workers)
        expect(fairShare(slots, workers.toReversed(), self, "p")).toBe(
          fairShare(slots, workers, self, "p"),
        );
    }),
  );
});

test("who is not in the fleet has no share", () => {
  expect(fairShare(8, ["a", "b"], "c", "p")).toBe(0);
  expect(fairShare(8, [], "c", "p")).toBe(0);
});

test("the odd slots of many providers do not all go to one worker", () => {
  const lucky = new Set(
    Array.from({ length: 40 }, (_, index) =>
      ["a", "b", "c"].find(
        (self) => fairShare(1, ["a", "b", "c"], self, `provider-${index}`) === 1,
      ),
    ),
  );
  expect(lucky).toEqual(new Set(["a", "b", "c"]));
});
