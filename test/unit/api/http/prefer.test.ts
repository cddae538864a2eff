import { expect, test } from "vitest";
import { preferenceApplied, preferencesOf } from "../../../../api/http/prefer.ts";

const read = (prefer: string) => preferencesOf({ prefer });

test.each([
  ["", false, undefined],
  ["respond-async", true, undefined],
  ["Respond-Async", true, undefined],
  ["wait=10", false, 10_000],
  ['wait="10"', false, 10_000],
  ["wait = 10", false, 10_000],
  ["wait=0", false, 0],
  ["wait=86400", false, 86_400_000],
  ["respond-async, wait=10", true, 10_000],
  ["wait=10,respond-async", true, 10_000],
  ["WAIT=1;foo=2 , RESPOND-ASYNC;bar", true, 1_000],
  // RFC 7240, section 2: when a preference comes twice, the first one counts.
  ["wait=5, wait=nonsense", false, 5_000],
  // Unknown preferences are ignored.
  ["return=minimal, handling=lenient; x=y", false, undefined],
  ["respond-asynchronously", false, undefined],
  [",, ,", false, undefined],
  // A word inside quotes or in a parameter is not a preference.
  ['note="x, respond-async, wait=bad"', false, undefined],
  ["note=x; respond-async", false, undefined],
])("%j", (header, respondAsync, waitMs) => {
  expect(read(header)).toEqual({ respondAsync, waitMs });
});

test.each([
  "wait",
  "wait=",
  "wait=soon",
  "wait=-1",
  "wait=1.5",
  "wait=1e3",
  "wait=86401",
  "wait=∞",
])("%s is refused", (header) => {
  expect(() => read(header)).toThrow(
    expect.objectContaining({ code: "invalid_request", param: "Prefer" }),
  );
});

test("no header prefers nothing; several are one list", () => {
  expect(preferencesOf({})).toEqual({ respondAsync: false, waitMs: undefined });
  // Node joins repeated headers in this way.
  expect(read("respond-async, wait=3")).toEqual({ respondAsync: true, waitMs: 3_000 });
});

test("what was applied is said", () => {
  expect(preferenceApplied(read("wait=3, respond-async"))).toBe("respond-async, wait=3");
  expect(preferenceApplied(read("wait=3"))).toBe("wait=3");
  expect(preferenceApplied(read("return=minimal"))).toBeUndefined();
});
