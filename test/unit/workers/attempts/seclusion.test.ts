import { beforeEach, describe, expect, test } from "vitest";
import { Seclusion } from "../../../../workers/attempts/seclusion.ts";

let nowMs: number;
let closed: boolean[];
let seclusion: Seclusion;
beforeEach(() => {
  nowMs = 0;
  closed = [];
  seclusion = new Seclusion({
    onClosed: (now) => closed.push(now),
    now: () => nowMs,
    patienceMs: 20,
  });
});

const never = new AbortController().signal;

describe("a suspect", () => {
  test("runs at once where nothing else is in flight, and nothing is begun beside it", async () => {
    expect(seclusion.enter()).toBe(true);
    const { promise, resolve } = Promise.withResolvers<void>();
    const ran = seclusion.alone(() => promise, never);
    expect(seclusion.enter()).toBe(false);
    resolve();
    expect(await ran).toBe(true);
    seclusion.leave();
    expect(seclusion.enter()).toBe(true);
    expect(closed).toEqual([true, false]);
  });

  test("waits for what runs", async () => {
    seclusion.enter();
    seclusion.enter();
    const order: string[] = [];
    const ran = seclusion.alone(async () => void order.push("alone"), never);
    await Promise.resolve();
    order.push("other ended");
    seclusion.leave();
    expect(await ran).toBe(true);
    expect(order).toEqual(["other ended", "alone"]);
  });

  test("gives up when what runs takes too long, and has more patience the next time", async () => {
    seclusion.enter();
    seclusion.enter();
    expect(await seclusion.alone(() => Promise.reject(new Error("ran")), never)).toBe(false);
    expect(seclusion.enter()).toBe(true);
    seclusion.leave();
    nowMs += 60_000;
    const ran = seclusion.alone(() => Promise.resolve(), never);
    await new Promise((resolve) => setTimeout(resolve, 25));
    seclusion.leave();
    expect(await ran).toBe(true);
  });

  test("is told to stop while it waits", async () => {
    seclusion.enter();
    seclusion.enter();
    const stop = new AbortController();
    const ran = seclusion.alone(() => Promise.reject(new Error("ran")), stop.signal);
    stop.abort();
    expect(await ran).toBe(false);
    expect(seclusion.enter()).toBe(true);
  });

  test("whose run fails lets the others in again", async () => {
    seclusion.enter();
    const ran = seclusion.alone(() => Promise.reject(new Error("broken")), never);
    await expect(ran).rejects.toThrow("broken");
    expect(seclusion.enter()).toBe(true);
  });
});

test("after a suspect the others have as long as they waited, before the next one", async () => {
  seclusion.enter();
  const run = (tookMs: number) => seclusion.alone(async () => void (nowMs += tookMs), never);
  expect(await run(5_000)).toBe(true);
  nowMs += 4_999;
  expect(await run(1)).toBe(false);
  nowMs += 1;
  expect(await run(1)).toBe(true);
  nowMs += 249;
  expect(await run(1)).toBe(false);
});
