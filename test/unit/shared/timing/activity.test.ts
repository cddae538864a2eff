import { expect, test } from "vitest";
import { Activity } from "../../../../shared/timing/activity.ts";

function startActivity(hasWork: () => boolean): { activity: Activity; looks: () => number } {
  let looks = 0;
  const activity = new Activity(() => {
    looks++;
    return Promise.resolve(hasWork());
  });
  return { activity, looks: () => looks };
}

test("a process is idle once a look after the last signal finds no work", async () => {
  const { activity, looks } = startActivity(() => false);
  expect(activity.idle).toBeUndefined();
  await activity.look();
  expect(activity.idle).toBeUndefined();
  expect(looks()).toBe(0);
  await activity.look();
  expect(activity.idle?.aborted).toBe(false);
  expect(looks()).toBe(1);
});

test("a signal ends the idle time at once, and lasts until the look after the next", async () => {
  const { activity } = startActivity(() => false);
  await activity.look();
  await activity.look();
  const { idle } = activity;
  activity.signal();
  expect(idle?.aborted).toBe(true);
  expect(activity.idle).toBeUndefined();
  await activity.look();
  expect(activity.idle).toBeUndefined();
  await activity.look();
  expect(activity.idle).toBeDefined();
});

test("work that somebody else has made ends the idle time with the next look", async () => {
  let hasWork = false;
  const { activity } = startActivity(() => hasWork);
  await activity.look();
  await activity.look();
  const { idle } = activity;
  hasWork = true;
  await activity.look();
  expect(idle?.aborted).toBe(true);
  await activity.look();
  expect(activity.idle).toBeUndefined();
});

test("a signal while a look is under way counts more than what it found", async () => {
  const asked = Promise.withResolvers<boolean>();
  const activity = new Activity(() => asked.promise);
  await activity.look();
  const looking = activity.look();
  activity.signal();
  asked.resolve(false);
  await looking;
  expect(activity.idle).toBeUndefined();
});

test("a look that fails leaves the process as it was", async () => {
  let isAway = false;
  const activity = new Activity(() =>
    isAway ? Promise.reject(new Error("away")) : Promise.resolve(false),
  );
  await activity.look();
  await activity.look();
  isAway = true;
  await expect(activity.look()).rejects.toThrow("away");
  expect(activity.idle?.aborted).toBe(false);
});
