import { beforeEach, describe, expect, test } from "vitest";
import type { FailureSign } from "../../../../workers/health/failure-sign.ts";
import { ProviderRests } from "../../../../workers/health/provider-rests.ts";

let nowMs: number;
let mine: boolean;
let key: "accepted" | "refused" | "unknown";
let said: string[];
let rests: ProviderRests;

beforeEach(() => {
  nowMs = 1_000;
  mine = true;
  key = "unknown";
  said = [];
  const say = (what: string) => {
    said.push(what);
    return Promise.resolve();
  };
  rests = new ProviderRests({
    statements: {
      rest: async (name, { reason, leastMs }) => {
        await say(`rest ${name} ${reason} ${leastMs}`);
        return 0;
      },
      tryOut: async (name) => {
        await say(`try ${name}`);
        return mine;
      },
      wake: (name) => say(`wake ${name}`),
      well: (name) => say(`well ${name}`),
    },
    worker: () => "worker_1",
    hasSlots: () => true,
    checkKey: () => Promise.resolve(key),
    onChange: () => undefined,
    onError: (error) => {
      throw error as Error;
    },
    now: () => nowMs,
  });
});

function fail(sign: FailureSign, request = "a", leastMs = 0): number | undefined {
  const call = { job: request, request, sign, patient: true, callerWaits: true };
  return rests.recordFailure("gpu", call, leastMs);
}

/** Moves the clock, and runs everything that is due by then. */
async function after(ms: number): Promise<void> {
  nowMs += ms;
  await new Promise((resolve) => setImmediate(resolve));
  await rests.round();
  await rests.round();
}

describe("a provider that refuses for its own state", () => {
  test("rests 1, 2, 4, 8 and then 15 seconds, with one call between", async () => {
    for (const [index, ms] of [1_000, 2_000, 4_000, 8_000, 15_000, 15_000].entries()) {
      expect(fail("refuses", `job_${index}`)).toBe(ms);
      expect(rests.mayCall("gpu", "other")).toBe(false);
      await after(ms - 1);
      expect(rests.isResting("gpu")).toBe(true);
      await after(1);
      expect(rests.mayCall("gpu", "trial")).toBe(true);
      expect(rests.mayCall("gpu", "other")).toBe(false);
    }
  });

  test("rests as long as it asks for, and a burst counts once", () => {
    expect(fail("refuses", "a", 7_000)).toBe(7_000);
    expect(fail("refuses", "b")).toBe(7_000);
    expect(fail("refuses", "c", 9_000)).toBe(9_000);
  });

  test("is well when a call that began after the rest is answered, not one from before", async () => {
    fail("refuses");
    rests.recordSuccess("gpu", nowMs - 1);
    expect(rests.isResting("gpu")).toBe(true);
    await after(1_000);
    expect(rests.mayCall("gpu", "trial")).toBe(true);
    rests.recordSuccess("gpu", nowMs);
    expect(rests.mayCall("gpu", "any")).toBe(true);
    await after(0);
    expect(said).toContain("well gpu");
  });

  test("is not tried here while another worker tries it", async () => {
    mine = false;
    fail("refuses");
    await after(1_000);
    expect(rests.mayCall("gpu", "trial")).toBe(false);
  });

  test("is tried at once when its health check says yes after it said no", async () => {
    fail("refuses");
    rests.recordProbe("gpu", "unwell");
    await after(1_000);
    expect(rests.isResting("gpu")).toBe(true);
    rests.recordProbe("gpu", "well");
    await after(0);
    expect(rests.mayCall("gpu", "trial")).toBe(true);
  });
});

test.each<[FailureSign, number]>([
  ["breaks", 2],
  ["hangs", 3],
  ["fails", 3],
  ["spoils", 5],
])("one that %s rests after %i of different requests, not of the same", (sign, many) => {
  for (let number = 1; number < 2 * many; number += 1) {
    fail(sign, "the same");
    if (number < many) expect(rests.isResting("gpu")).toBe(false);
  }
  expect(rests.isResting("gpu")).toBe(false);
  for (let number = 1; number < many; number += 1) fail(sign, `job_${number}`);
  expect(rests.isResting("gpu")).toBe(true);
});

test("one success between them, and what failed before counts no more", () => {
  fail("fails", "a");
  fail("fails", "b");
  rests.recordSuccess("gpu", nowMs);
  fail("fails", "c");
  expect(rests.isResting("gpu")).toBe(false);
});

test.each<FailureSign>(["answers", "unreachable"])("%s is no reason to rest", (sign) => {
  for (let number = 0; number < 9; number += 1) expect(fail(sign, `job_${number}`)).toBeUndefined();
  expect(rests.isResting("gpu")).toBe(false);
});

test.each<FailureSign>(["credential", "quota"])(
  "a %s is waited for by those whom nobody waits for",
  (sign) => {
    const call = { job: "a", request: "a", sign } as const;
    const failed = (patient: boolean, callerWaits: boolean): number | undefined =>
      rests.recordFailure("gpu", { ...call, patient, callerWaits });
    expect(failed(true, false)).toBe(15_000);
    expect(failed(true, true)).toBeUndefined();
    expect(failed(false, true)).toBeUndefined();
  },
);

test("a refused credential is asked for by the model list, and no job is spent on it", async () => {
  key = "refused";
  expect(fail("credential")).toBeUndefined();
  await after(2_000);
  await after(20_000);
  expect(rests.isResting("gpu")).toBe(true);
  expect(said.filter((what) => what.startsWith("try"))).toEqual([]);
  key = "accepted";
  await after(2_000);
  await after(0);
  expect(rests.mayCall("gpu", "trial")).toBe(true);
});
