import { describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { startFleetWorker } from "./fleet.ts";
import { ROUNDS, SlotFleet, SLOTS, takeAll } from "./slot-fleet.ts";

const fleet = new SlotFleet();

async function setLimit(slots: number): Promise<void> {
  await fleet.seeded.database.pool.query("update providers set slots = $1 where name = 'gpu-a'", [
    slots,
  ]);
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe("sharing", () => {
  test("one worker holds every slot, and gives out each once", async () => {
    const worker = await fleet.join();
    expect(worker.slots.take("gpu-a")).toBeNull();
    await worker.slots.refresh();
    expect(worker.shares.get("gpu-a")).toBe(SLOTS);
    const tokens = takeAll(worker);
    expect(tokens.map(({ slot }) => slot).toSorted((a, b) => a - b)).toEqual(numbers(SLOTS));
    tokens[3]?.release();
    expect(worker.slots.take("gpu-a")?.slot).toBe(tokens[3]?.slot);
    expect(worker.slots.take("nobody")).toBeNull();
  });

  test("three workers hold disjoint shares that sum to the slots", async () => {
    await Promise.all([fleet.join(), fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, ...fleet.workers);
    expect(await fleet.expectDisjoint()).toEqual(numbers(SLOTS));
    expect(
      fleet.workers.map(({ shares }) => shares.get("gpu-a")).toSorted((a = 0, b = 0) => a - b),
    ).toEqual([2, 3, 3]);
  });

  test("more workers than slots: some hold none", async () => {
    await setLimit(2);
    await Promise.all([fleet.join(), fleet.join(), fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, ...fleet.workers);
    expect(await fleet.expectDisjoint()).toEqual([0, 1]);
  });

  test("a worker that comes gets its share of idle slots at once", async () => {
    const first = await fleet.join();
    await first.slots.refresh();
    const second = await fleet.join();
    await fleet.rounds(ROUNDS, first, second);
    expect([first.shares.get("gpu-a"), second.shares.get("gpu-a")]).toEqual([4, 4]);
    expect(takeAll(second)).toHaveLength(4);
    expect(takeAll(first)).toHaveLength(4);
  });

  test("busy slots are kept until their calls end, and then go, however much work waits", async () => {
    const first = await fleet.join();
    await first.slots.refresh();
    const running = takeAll(first);
    const second = await fleet.join();
    await fleet.rounds(ROUNDS, first, second);
    expect(await first.held("gpu-a")).toHaveLength(SLOTS);
    expect(second.shares.get("gpu-a") ?? 0).toBe(0);
    // The next call follows each call's end at once, as under load.
    for (const token of running) {
      token.release();
      first.slots.take("gpu-a");
      await fleet.rounds(1, first, second);
    }
    await fleet.rounds(ROUNDS, first, second);
    expect(await first.held("gpu-a")).toHaveLength(4);
    expect(takeAll(second)).toHaveLength(4);
  });

  test("a worker that has waited for more gives back what it has for good", async () => {
    const first = await fleet.join();
    await first.slots.refresh();
    const running = takeAll(first);
    const second = await fleet.join();
    for (const token of running.splice(0, 3)) token.release();
    // The second worker holds three, and asks for its fourth in every round.
    await fleet.rounds(ROUNDS, first, second);
    expect(await second.held("gpu-a")).toHaveLength(3);
    await Promise.all([fleet.join(), fleet.join()]);
    for (const token of running) token.release();
    await fleet.rounds(ROUNDS, ...fleet.workers);
    for (const worker of fleet.workers) expect(await worker.held("gpu-a")).toHaveLength(2);
    expect(fleet.workers.map((worker) => takeAll(worker).length)).toEqual([2, 2, 2, 2]);
  });

  test("a worker that leaves in order leaves its slots ready for use", async () => {
    const [first, second] = await Promise.all([fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, first, second);
    await second.leave();
    await first.slots.refresh();
    expect(first.shares.get("gpu-a")).toBe(SLOTS);
    expect(takeAll(first)).toHaveLength(SLOTS);
  });

  test("a dead worker's slots rest one second before another uses them", async () => {
    const [first, second] = await Promise.all([fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, first, second);
    await second.loseSession(true);
    // The sweeper would delete this row.
    await fleet.seeded.database.pool.query("delete from processes where id = $1", [
      second.lease.id,
    ]);
    await first.slots.refresh();
    expect(await first.held("gpu-a")).toHaveLength(SLOTS);
    expect(first.shares.get("gpu-a")).toBe(4);
    expect(takeAll(first)).toHaveLength(4);
    fleet.time += 999;
    await first.slots.refresh();
    expect(takeAll(first)).toHaveLength(0);
    fleet.time += 1;
    await first.slots.refresh();
    expect(first.shares.get("gpu-a")).toBe(SLOTS);
    expect(takeAll(first)).toHaveLength(4);
  });

  test("of a worker that may only be cut off rest until it must have noticed", async () => {
    const first = await startFleetWorker(
      fleet.seeded,
      ["gpu-a"],
      () => fleet.time,
      () => false,
    );
    fleet.workers.push(first);
    await first.slots.refresh();
    const second = await fleet.join();
    await fleet.rounds(ROUNDS, first, second);
    await second.loseSession(true);
    await fleet.seeded.database.pool.query("delete from processes where id = $1", [
      second.lease.id,
    ]);
    await first.slots.refresh();
    expect(takeAll(first)).toHaveLength(4);
    fleet.time += 6_999;
    await first.slots.refresh();
    expect(takeAll(first)).toHaveLength(0);
    fleet.time += 1;
    await first.slots.refresh();
    expect(takeAll(first)).toHaveLength(4);
  });
});

describe("a changed limit", () => {
  test("lowered with every slot busy: drains to the new one, even when work waits", async () => {
    const worker = await fleet.join();
    await worker.slots.refresh();
    const running = takeAll(worker);
    await setLimit(2);
    await worker.slots.refresh();
    expect(worker.shares.get("gpu-a")).toBe(2);
    let inFlight = SLOTS;
    for (const token of running) {
      token.release();
      if (worker.slots.take("gpu-a") === null) inFlight--;
      await worker.slots.refresh();
      expect(await worker.held("gpu-a")).toHaveLength(inFlight);
    }
    expect(await worker.held("gpu-a")).toEqual([0, 1]);
  });

  test("raised: the new slots are taken at the next round", async () => {
    const worker = await fleet.join();
    await setLimit(2);
    await worker.slots.refresh();
    expect(takeAll(worker)).toHaveLength(2);
    await setLimit(5);
    await worker.slots.refresh();
    expect(takeAll(worker)).toHaveLength(3);
  });

  test("lowered and raised again while calls run: their slots are usable again", async () => {
    const worker = await fleet.join();
    await worker.slots.refresh();
    const running = takeAll(worker);
    await setLimit(2);
    await worker.slots.refresh();
    await setLimit(SLOTS);
    await worker.slots.refresh();
    for (const token of running) token.release();
    expect(takeAll(worker)).toHaveLength(SLOTS);
  });
});

describe("a lost session", () => {
  test("nothing can be taken until a new one stands and the slots have rested", async () => {
    const worker = await fleet.join();
    await worker.slots.refresh();
    await worker.loseSession();
    await eventually(() => expect(worker.shares.get("gpu-a")).toBe(0));
    expect(worker.slots.take("gpu-a")).toBeNull();
    await eventually(async () => {
      await worker.slots.refresh();
      expect(await worker.held("gpu-a")).toHaveLength(SLOTS);
    });
    expect(worker.slots.take("gpu-a")).toBeNull();
    fleet.time += 1_000;
    await worker.slots.refresh();
    expect(takeAll(worker)).toHaveLength(SLOTS);
  });

  test("a call that still runs keeps its slot from being given out again", async () => {
    const worker = await fleet.join();
    await worker.slots.refresh();
    const [running] = takeAll(worker);
    const others = takeAll(worker);
    expect(others).toHaveLength(0);
    await worker.loseSession();
    await eventually(() => expect(worker.shares.get("gpu-a")).toBe(0));
    await eventually(async () => {
      await worker.slots.refresh();
      expect(await worker.held("gpu-a")).toHaveLength(SLOTS);
    });
    fleet.time += 1_000;
    await worker.slots.refresh();
    // All eight earlier calls still hold their sockets.
    expect(takeAll(worker)).toHaveLength(0);
    running?.release();
    expect(takeAll(worker).map(({ slot }) => slot)).toEqual([running?.slot]);
  });

  test("while it is gone another worker can take the slots, and keeps what it has", async () => {
    const [first, second] = await Promise.all([fleet.join(), fleet.join()]);
    await fleet.rounds(ROUNDS, first, second);
    await first.loseSession(true);
    await eventually(() => expect(first.shares.get("gpu-a")).toBe(0));
    await fleet.seeded.database.pool.query("delete from processes where id = $1", [first.lease.id]);
    await second.slots.refresh();
    expect(await second.held("gpu-a")).toEqual(numbers(SLOTS));
  });
});
