import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededDatabase, type SeededDatabase } from "../../db/seed.ts";
import type { SlotToken } from "../../../workers/slots/slot-leases.ts";
import { startFleetWorker, type FleetWorker } from "./fleet.ts";

const SLOTS = 8;
/** Workers share every half second, so two seconds are four rounds. */
const ROUNDS = 4;

let seeded: SeededDatabase;
let workers: FleetWorker[];
let time: number;

beforeEach(async () => {
  seeded = await seededDatabase(SLOTS);
  workers = [];
  time = 1_000_000;
});

afterEach(async () => {
  for (const worker of workers) await worker.stop();
  await seeded.close();
});

async function join(): Promise<FleetWorker> {
  const worker = await startFleetWorker(seeded, ["gpu-a"], () => time);
  workers.push(worker);
  return worker;
}

async function rounds(count: number, ...who: FleetWorker[]): Promise<void> {
  for (let round = 0; round < count; round++) {
    for (const { slots } of who) await slots.refresh();
    await expectDisjoint();
  }
}

/** No slot is held twice, and none beyond the limit that stood before. */
async function expectDisjoint(): Promise<number[]> {
  const all = (await Promise.all(workers.map((worker) => worker.held("gpu-a")))).flat();
  expect(new Set(all).size).toBe(all.length);
  expect(all.length).toBeLessThanOrEqual(SLOTS);
  return all.toSorted((a, b) => a - b);
}

function takeAll({ slots }: FleetWorker): SlotToken[] {
  const tokens: SlotToken[] = [];
  for (let token = slots.take("gpu-a"); token !== null; token = slots.take("gpu-a"))
    tokens.push(token);
  return tokens;
}

describe("a call with more sequences than its worker's share", () => {
  /** Sequences in flight, of both workers: never more than the slots. */
  let inFlight: number;
  let most: number;
  beforeEach(() => {
    inFlight = 0;
    most = 0;
  });

  /** Takes a slot and waits for so many; resolves with what ends the call. */
  async function run(
    { slots }: FleetWorker,
    count: number,
    limit: "fleet" | "share" = "fleet",
  ): Promise<() => void> {
    const token = slots.take("gpu-a");
    if (token === null) throw new Error("no slot is free");
    expect(await token.widen(count, limit, new AbortController().signal)).toBe(true);
    inFlight += count;
    most = Math.max(most, inFlight);
    return () => {
      inFlight -= count;
      token.release();
    };
  }

  test("borrows the slots of others as their calls end, and gives them back", async () => {
    const [first, second] = await Promise.all([join(), join()]);
    await rounds(ROUNDS, first, second);
    const running = await Promise.all([run(second, 1), run(second, 1), run(second, 1)]);
    const call = run(first, 6);
    let isGranted = false;
    void call.then(() => (isGranted = true));
    await rounds(ROUNDS, first, second);
    expect([isGranted, inFlight]).toEqual([false, 3]);
    expect(second.slots.take("gpu-a")).toBeNull();
    running.pop()?.();
    await rounds(ROUNDS, first, second);
    const end = await call;
    expect([inFlight, most]).toEqual([8, 8]);
    expect(second.slots.take("gpu-a")).toBeNull();
    for (const over of [end, ...running]) over();
    await rounds(ROUNDS, first, second);
    expect([takeAll(first).length, takeAll(second).length]).toEqual([4, 4]);
  });

  test("of several, one is served after the other, and more than all slots means all", async () => {
    const [first, second] = await Promise.all([join(), join()]);
    await rounds(ROUNDS, first, second);
    const order: number[] = [];
    const calls = [run(first, 6), run(second, 8)].map(async (call, index) => {
      const end = await call;
      order.push(index);
      return end;
    });
    for (const served of [1, 2]) {
      while (order.length < served) await rounds(1, first, second);
      expect(order).toHaveLength(served);
      const end = await calls[order[served - 1] ?? 0];
      end?.();
      expect(inFlight).toBe(0);
    }
    expect(most).toBe(8);
  });

  test("of a list that no number of slots can hold, keeps to the share", async () => {
    const [first, second] = await Promise.all([join(), join()]);
    await rounds(ROUNDS, first, second);
    const ends = [await run(first, 100, "share"), await run(second, 100, "share")];
    expect([first.slots.take("gpu-a"), second.slots.take("gpu-a")]).toEqual([null, null]);
    for (const end of ends) end();
    expect([takeAll(first).length, takeAll(second).length]).toEqual([4, 4]);
  });

  test("no longer counts when its worker is gone, or its caller", async () => {
    const [first, second] = await Promise.all([join(), join()]);
    await rounds(ROUNDS, first, second);
    const held = await run(second, 1);
    const caller = new AbortController();
    const token = first.slots.take("gpu-a");
    const widened = token?.widen(8, "fleet", caller.signal);
    await rounds(ROUNDS, first, second);
    expect(second.slots.take("gpu-a")).toBeNull();
    caller.abort();
    expect(await widened).toBe(false);
    await rounds(ROUNDS, first, second);
    expect(takeAll(second)).toHaveLength(3);
    held();

    void first.slots.take("gpu-a")?.widen(8, "fleet", new AbortController().signal);
    await rounds(1, first);
    await first.loseSession(true);
    await seeded.database.pool.query("delete from processes where id = $1", [first.lease.id]);
    await second.slots.refresh();
    time += 1_000;
    await second.slots.refresh();
    expect(second.shares.get("gpu-a")).toBe(SLOTS);
  });
});
