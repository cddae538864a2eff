import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Entry } from "../../../shared/contracts/entry.ts";
import {
  workerOptions,
  type EntryWorker,
  type TakeEntry,
} from "../../../shared/queue/queue-backend.ts";
import { eventually } from "../../support/eventually.ts";
import {
  queueBackends,
  queueEntry,
  startQueueRig,
  TakenEntries,
  type QueueRig,
} from "./queue-rig.ts";

let rig: QueueRig;
const workers: EntryWorker[] = [];

function work(take: TakeEntry, concurrency = 1, provider = "gpu-a"): EntryWorker {
  const worker = rig.backend.openWorker(provider, take, concurrency);
  workers.push(worker);
  return worker;
}

async function add(job: string, priority = 1, delayMs = 0, other: Partial<Entry> = {}) {
  await rig.queues.add("gpu-a", queueEntry(job, other), { priority, delayMs });
}

describe.each(queueBackends)("on %s", (on) => {
  beforeAll(async () => {
    rig = await startQueueRig(on);
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    const [error] = rig.errors.splice(0);
    if (error !== undefined) throw error;
  });
  afterAll(() => rig.close());

  describe("order", () => {
    test("lower priorities first, equal ones in order of arrival", async () => {
      for (const [job, priority] of [
        ["c", 7],
        ["b1", 5],
        ["z", 2_097_151],
        ["a", 1],
        ["b2", 5],
      ] as const)
        await add(job, priority);
      const taken = new TakenEntries();
      work(taken.pass);
      await eventually(() => expect(taken.jobs).toEqual(["a", "b1", "b2", "c", "z"]));
    });

    test("a better one that comes later passes those that wait", async () => {
      const taken = new TakenEntries();
      work(taken.hold);
      await add("running", 3);
      await eventually(() => expect(taken.jobs).toEqual(["running"]));
      await add("late", 9);
      await add("early", 2);
      taken.release("running");
      await eventually(() => expect(taken.jobs).toEqual(["running", "early"]));
      taken.release("early");
      await eventually(() => expect(taken.jobs).toEqual(["running", "early", "late"]));
      taken.release("late");
    });
  });

  describe("delay", () => {
    test("an entry is not taken before its time, and then by its priority", async () => {
      const taken = new TakenEntries();
      const start = performance.now();
      await add("delayed", 1, 400);
      await add("at once", 9);
      let delayedAfterMs = 0;
      work(async (entry) => {
        if (entry.job === "delayed") delayedAfterMs = performance.now() - start;
        return await taken.pass(entry);
      });
      await eventually(() => expect(taken.jobs).toEqual(["at once", "delayed"]));
      expect(delayedAfterMs).toBeGreaterThanOrEqual(400);
      // A worker that did not know of the delay would look for it only after this pause.
      expect(delayedAfterMs).toBeLessThan(1_000 * workerOptions.drainDelay);
    });
  });

  describe("entries", () => {
    test("a doubled one is ignored: the first stays as it is", async () => {
      await add("twice", 1, 0, { body: "first" });
      await add("twice", 1, 0, { body: "second" });
      const taken = new TakenEntries();
      work(taken.pass);
      await add("after", 9);
      await eventually(() => expect(taken.jobs).toEqual(["twice", "after"]));
      expect(taken.entries[0]).toMatchObject({ body: "first" });
    });

    test("of one job at two places are two entries", async () => {
      await add("moved", 1, 0, { place: 0 });
      await add("moved", 2, 0, { place: 1 });
      const taken = new TakenEntries();
      work(taken.pass);
      await eventually(() => expect(taken.entries.map(({ place }) => place)).toEqual([0, 1]));
    });

    test("are found while they wait, are delayed or run, and not after, nor elsewhere", async () => {
      await add("there");
      await add("delayed", 1, 60_000);
      expect(await rig.queues.has("gpu-a", "there", 0)).toBe(true);
      expect(await rig.queues.has("gpu-a", "delayed", 0)).toBe(true);
      expect(await rig.queues.has("gpu-a", "there", 1)).toBe(false);
      expect(await rig.queues.has("gpu-b", "there", 0)).toBe(false);
      const taken = new TakenEntries();
      work(taken.hold);
      await eventually(() => expect(taken.jobs).toEqual(["there"]));
      expect(await rig.queues.has("gpu-a", "there", 0)).toBe(true);
      taken.release("there");
      await eventually(async () => expect(await rig.queues.has("gpu-a", "there", 0)).toBe(false));
      await rig.queues.remove("gpu-a", "delayed", 0);
      expect(await rig.queues.has("gpu-a", "delayed", 0)).toBe(false);
    });

    test("that are removed are not taken; removing what is gone or runs does no harm", async () => {
      const taken = new TakenEntries();
      await add("removed", 1);
      await add("stays", 2);
      await rig.queues.remove("gpu-a", "removed", 0);
      await rig.queues.remove("gpu-a", "never there", 0);
      work(taken.hold);
      await eventually(() => expect(taken.jobs).toEqual(["stays"]));
      await rig.queues.remove("gpu-a", "stays", 0).catch(() => undefined);
      taken.release("stays");
      await add("next");
      await eventually(() => expect(taken.jobs).toEqual(["stays", "next"]));
      taken.release("next");
    });

    test("keep NULs, lone surrogates and odd text in their bodies, escaped or not", async () => {
      const bodies = [
        String.raw`{"t":"\u0000\ud800 \udfff\uD83D"}`,
        '{"t":"plain 🜂 é \u2028 \u007f"}',
        String.raw`{"t":"\\u0000 \\\\u0000 \" \/ \b"}`,
        `{"t":"${"€".repeat(100_000)}"}`,
      ];
      for (const [index, body] of bodies.entries())
        await add(`odd ${index}`, index + 1, 0, { body });
      const taken = new TakenEntries();
      work(taken.pass);
      await eventually(() => expect(taken.entries).toHaveLength(bodies.length));
      expect(taken.entries).toMatchObject(bodies.map((body) => ({ body })));
    });

    test("a raw NUL or lone surrogate in a body does not stop the queue", async () => {
      await add("nul", 1, 0, { body: '{"t":"\u0000"}' }).catch(() => undefined);
      await add("surrogate", 1, 0, { body: '{"t":"\ud800"}' }).catch(() => undefined);
      await add("good", 9);
      const taken = new TakenEntries();
      work(taken.pass);
      await eventually(() => expect(taken.jobs.at(-1)).toBe("good"));
    });

    test("for a provider that has no queue are refused", async () => {
      await expect(rig.queues.has("nobody", "job", 0)).rejects.toThrow(
        "no queue for provider nobody",
      );
    });
  });

  describe("an entry that cannot be run now", () => {
    test("goes back, is found meanwhile, and is taken again", async () => {
      await add("back");
      let rejections = 0;
      const taken = new TakenEntries();
      work(async (entry) => {
        if (++rejections <= 3) return "not_now";
        return await taken.pass(entry);
      });
      await eventually(async () => {
        expect(rejections).toBeGreaterThan(1);
        expect(await rig.queues.has("gpu-a", "back", 0)).toBe(true);
      });
      await eventually(() => expect(taken.jobs).toEqual(["back"]));
    });

    test("keeps its turn: better ones still pass, worse ones still wait", async () => {
      await add("middle", 5);
      await add("worse", 9);
      const seen: string[] = [];
      let isOpen = false;
      work(async (entry) => {
        seen.push(entry.job);
        if (!isOpen) return "not_now";
        return await Promise.resolve("taken" as const);
      });
      await eventually(() => expect(seen.length).toBeGreaterThan(1));
      await add("better", 1);
      await eventually(() => expect(seen).toContain("better"));
      isOpen = true;
      const from = seen.length;
      await eventually(() => expect(seen.slice(from)).toContain("worse"));
      expect(seen.slice(0, from)).not.toContain("worse");
      // The entry that was out when the worker opened may come back for one more turn.
      expect(seen.at(-1)).toBe("worse");
    });

    test("does not spin: a refused entry rests before it comes round", async () => {
      await add("spin");
      let tries = 0;
      const start = performance.now();
      work(
        async () => await Promise.resolve(++tries < 10 ? ("not_now" as const) : ("taken" as const)),
      );
      await eventually(() => expect(tries).toBe(10));
      expect(performance.now() - start).toBeGreaterThan(9 * 50 - 20);
    });
  });

  test("an entry whose run fails is gone, and the queue goes on", async () => {
    await add("fails", 1);
    await add("next", 2);
    const taken = new TakenEntries();
    work(async (entry) => {
      if (entry.job === "fails") throw new Error("on purpose");
      return await taken.pass(entry);
    });
    await eventually(() => expect(taken.jobs).toEqual(["next"]));
    await eventually(async () => expect(await rig.queues.has("gpu-a", "fails", 0)).toBe(false));
  });
});
