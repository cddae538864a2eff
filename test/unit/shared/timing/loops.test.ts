import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Activity } from "../../../../shared/timing/activity.ts";
import { cadences } from "../../../../shared/timing/cadences.ts";
import { startLoops, type Loop } from "../../../../shared/timing/loops.ts";

const IDLE_MS = 60_000;

/** Fake timers make an hour of pauses a matter of milliseconds. */
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

async function idleActivity(): Promise<Activity> {
  const activity = new Activity(() => Promise.resolve(false));
  await activity.look();
  await activity.look();
  return activity;
}

function start(activity: Activity, loop: Loop) {
  const warnings: unknown[][] = [];
  const log = { warn: (...words: unknown[]) => void warnings.push(words) };
  const idleCadences = { overflow: IDLE_MS };
  const loops = startLoops([loop], { cadences, idleCadences, activity, log });
  return { loops, warnings };
}

test("an idle process runs a loop at its idle pace, a busy one at its usual pace", async () => {
  const activity = await idleActivity();
  let runs = 0;
  const run = (): Promise<void> => Promise.resolve(void runs++);
  const { loops } = start(activity, ["overflow", "moving", run]);
  await vi.advanceTimersByTimeAsync(IDLE_MS - 1);
  expect(runs).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(runs).toBe(2);
  activity.signal();
  await vi.advanceTimersByTimeAsync(10 * cadences.overflow);
  expect(runs).toBe(12);
  await loops.stop();
});

test("a loop that was woken runs after a usual pause", async () => {
  const activity = await idleActivity();
  let runs = 0;
  const { loops } = start(activity, ["overflow", "moving", () => Promise.resolve(void runs++)]);
  await vi.advanceTimersByTimeAsync(IDLE_MS / 2);
  activity.signal();
  await vi.advanceTimersByTimeAsync(cadences.overflow - 1);
  expect(runs).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(runs).toBe(2);
  await loops.stop();
});

test("a loop that is unsettled, and one without an idle pace, keep their pace", async () => {
  const activity = await idleActivity();
  const runs = { overflow: 0, probe: 0 };
  const unsettled = start(activity, [
    "overflow",
    "moving",
    () => Promise.resolve(void runs.overflow++),
    () => true,
  ]);
  const paced = start(activity, ["probe", "probing", () => Promise.resolve(void runs.probe++)]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(runs.overflow).toBe(1 + 10_000 / cadences.overflow);
  expect(runs.probe).toBe(1 + 10_000 / cadences.probe);
  await Promise.all([unsettled.loops.stop(), paced.loops.stop()]);
});

test("of failures in a row the first is logged, and the loop goes on", async () => {
  const activity = new Activity(() => Promise.resolve(true));
  let runs = 0;
  const run = (): Promise<void> =>
    ++runs === 3 ? Promise.resolve() : Promise.reject(new Error(`run ${runs}`));
  const { loops, warnings } = start(activity, ["overflow", "moving jobs", run]);
  await vi.advanceTimersByTimeAsync(4 * cadences.overflow);
  expect(
    warnings.map(([fields, words]) => [(fields as { err: Error }).err.message, words]),
  ).toEqual([
    ["run 1", "moving jobs failed; it will be tried again"],
    ["run 4", "moving jobs failed; it will be tried again"],
  ]);
  await loops.stop();
});

test("loops stop when the runs under way have ended, without waiting for a pause", async () => {
  const activity = await idleActivity();
  const run = Promise.withResolvers<void>();
  const { loops } = start(activity, ["overflow", "moving", () => run.promise]);
  let isStopped = false;
  const stopping = loops.stop().then(() => (isStopped = true));
  await vi.advanceTimersByTimeAsync(1);
  expect(isStopped).toBe(false);
  run.resolve();
  await stopping;
});

test("loops begin one after the other, so that they share connections", async () => {
  const activity = new Activity(() => Promise.resolve(true));
  const log = { warn: () => undefined };
  const running = { now: 0, most: 0, runs: 0 };
  const query: Loop = [
    "probe",
    "asking",
    async () => {
      running.runs++;
      running.most = Math.max(running.most, ++running.now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      running.now--;
    },
  ];
  const loops = startLoops([query, query, query], { cadences, idleCadences: {}, activity, log });
  await vi.advanceTimersByTimeAsync(5 * cadences.probe);
  expect(running).toMatchObject({ most: 1, runs: 15 });
  const stopping = loops.stop();
  await vi.advanceTimersByTimeAsync(10);
  await stopping;
});

test("a loop that has not begun when all are stopped never runs", async () => {
  const activity = new Activity(() => Promise.resolve(true));
  const log = { warn: () => undefined };
  const ran: string[] = [];
  const loop = (name: string): Loop => ["probe", name, () => Promise.resolve(void ran.push(name))];
  const options = { cadences, idleCadences: {}, activity, log };
  const loops = startLoops([loop("first"), loop("second")], options);
  await loops.stop();
  await vi.advanceTimersByTimeAsync(cadences.probe);
  expect(ran).toEqual(["first"]);
});
