import { assert, double, integer, property, string } from "fast-check";
import { expect, test } from "vitest";
import { nextPauseMs } from "../../../../workers/webhooks/delivery-schedule.ts";
import { readRetryAfterMs } from "../../../../shared/egress/retry-after.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const random = double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("ten attempts over about three days, whatever the jitter", () => {
  assert(
    property(random, (jitter) => {
      let sumMs = 0;
      let last = 0;
      for (let failures = 1; failures <= 9; failures++) {
        const pauseMs = nextPauseMs(failures, () => jitter) ?? Number.NaN;
        expect(pauseMs).toBeGreaterThan(last);
        sumMs += last = pauseMs;
      }
      expect(nextPauseMs(10, () => jitter)).toBeUndefined();
      expect(sumMs).toBeGreaterThan(2.8 * DAY);
      expect(sumMs).toBeLessThan(3.5 * DAY);
    }),
  );
});

test("what the receiver asks for makes a pause longer, never shorter, and at most a day", () => {
  assert(
    property(random, integer({ min: 1, max: 9 }), integer({ min: 0 }), (jitter, failures, ask) => {
      const own = nextPauseMs(failures, () => jitter) ?? 0;
      const pauseMs = nextPauseMs(failures, () => jitter, ask) ?? 0;
      expect(pauseMs).toBe(Math.max(own, Math.min(ask, DAY)));
    }),
  );
});

test("failures that came together are tried again apart", () => {
  const pauses = [0, 0.5, 0.999_999].map((jitter) => nextPauseMs(3, () => jitter));
  expect(pauses).toEqual([27 * 60_000, 30 * 60_000, 33 * 60_000]);
});

const now = new Date("2026-11-25T12:00:00Z");

test("retry-after in seconds, as a date, and as nonsense", () => {
  expect(readRetryAfterMs("120", now)).toBe(120_000);
  expect(readRetryAfterMs("1e9", now)).toBe(1e12);
  expect(readRetryAfterMs(" 0 ", now)).toBeUndefined();
  expect(readRetryAfterMs("Wed, 25 Nov 2026 12:00:30 GMT", now)).toBe(30_000);
  for (const none of [undefined, "", "-5", "soon", "Tue, 24 Nov 2026 12:00:00 GMT", "x GMT"])
    expect(readRetryAfterMs(none, now)).toBeUndefined();
});

test("no header makes a wait that is no number", () => {
  assert(
    property(string(), (header) => {
      expect(readRetryAfterMs(header, now) ?? 1).toBeGreaterThan(0);
    }),
  );
});
