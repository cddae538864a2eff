import { beforeEach, describe, expect, test } from "vitest";
import type { FleetWorker } from "./fleet.ts";
import { ROUNDS, SlotFleet, SLOTS, takeAll } from "./slot-fleet.ts";

const fleet = new SlotFleet();

describe("a call with more sequences than its worker's share", () => {
  /** It counts both workers' sequences, which never exceed the slots. */
  let inFlight: number;
  let most: number;
  beforeEach(() => {
    inFlight = 0;
    most = 0;
  });

  /** Takes a slot and waits for `count` of them; resolves with a function that ends the call. */
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
    const [first, second] = await Promise.all([fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, first, second);
    const running = await Promise.all([run(second, 1), run(second, 1), run(second, 1)]);
    const call = run(first, 6);
    let isGranted = false;
    void call.then(() => (isGranted = true));
    await fleet.rounds(ROUNDS, first, second);
    expect([isGranted, inFlight]).toEqual([false, 3]);
    expect(second.slots.take("gpu-a")).toBeNull();
    running.pop()?.();
    await fleet.rounds(ROUNDS, first, second);
    const end = await call;
    expect([inFlight, most]).toEqual([8, 8]);
    expect(second.slots.take("gpu-a")).toBeNull();
    for (const over of [end, ...running]) over();
    await fleet.rounds(ROUNDS, first, second);
    expect([takeAll(first).length, takeAll(second).length]).toEqual([4, 4]);
  });

  test("of several, one is served after the other, and more than all slots means all", async () => {
    const [first, second] = await Promise.all([fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, first, second);
    const order: number[] = [];
    const calls = [run(first, 6), run(second, 8)].map(async (call, index) => {
      const end = await call;
      order.push(index);
      return end;
    });
    for (const served of [1, 2]) {
      while (order.length < served) await fleet.rounds(1, first, second);
      expect(order).toHaveLength(served);
      const end = await calls[order[served - 1] ?? 0];
      end?.();
      expect(inFlight).toBe(0);
    }
    expect(most).toBe(8);
  });

  test("of a list that no number of slots can hold, keeps to the share", async () => {
    const [first, second] = await Promise.all([fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, first, second);
    const ends = [await run(first, 100, "share"), await run(second, 100, "share")];
    expect([first.slots.take("gpu-a"), second.slots.take("gpu-a")]).toEqual([null, null]);
    for (const end of ends) end();
    expect([takeAll(first).length, takeAll(second).length]).toEqual([4, 4]);
  });

  test("no longer counts when its worker is gone, or its caller", async () => {
    const [first, second] = await Promise.all([fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, first, second);
    const held = await run(second, 1);
    const caller = new AbortController();
    const token = first.slots.take("gpu-a");
    const widened = token?.widen(8, "fleet", caller.signal);
    await fleet.rounds(ROUNDS, first, second);
    expect(second.slots.take("gpu-a")).toBeNull();
    caller.abort();
    expect(await widened).toBe(false);
    await fleet.rounds(ROUNDS, first, second);
    expect(takeAll(second)).toHaveLength(3);
    held();

    void first.slots.take("gpu-a")?.widen(8, "fleet", new AbortController().signal);
    await fleet.rounds(1, first);
    await first.loseSession(true);
    await fleet.seeded.database.pool.query("delete from processes where id = $1", [first.lease.id]);
    await second.slots.refresh();
    fleet.time += 1_000;
    await second.slots.refresh();
    expect(second.shares.get("gpu-a")).toBe(SLOTS);
  });
});
