import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ProviderWorker } from "../../../workers/consume/provider-worker.ts";
import { eventually } from "../../support/eventually.ts";
import {
  queueBackends,
  queueEntry,
  startQueueRig,
  TakenEntries,
  type QueueRig,
} from "./queue-rig.ts";

let rig: QueueRig;
let taken: TakenEntries;
let worker: ProviderWorker;
let number = 0;

async function add(count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    await rig.queues.add("gpu-a", queueEntry(`job_${number++}`), { priority: 1, delayMs: 0 });
}

/** Waits until this many entries run, and for a while longer, since more could be taken. */
async function settlesAt(running: number): Promise<void> {
  await eventually(() => expect(taken.running).toBe(running));
  const probe = new TakenEntries();
  // In the time of another queue's round trip, one more entry could have been taken.
  const other = rig.backend.openWorker("gpu-b", probe.pass, 1);
  for (let turn = 0; turn < 3; turn++) {
    await rig.queues.add("gpu-b", queueEntry(`probe_${turn}`), { priority: 1, delayMs: 0 });
    await eventually(() => expect(probe.jobs).toHaveLength(turn + 1));
  }
  await other.close();
  expect(taken.running).toBe(running);
}

describe.each(queueBackends)("on %s", (on) => {
  beforeAll(async () => {
    rig = await startQueueRig(on);
  });
  beforeEach(() => {
    taken = new TakenEntries();
    worker = new ProviderWorker(rig.backend, "gpu-a", taken.hold);
  });
  afterEach(async () => {
    const closing = worker.close();
    const releasing = setInterval(() => taken.releaseAll(), 10);
    await closing;
    clearInterval(releasing);
    // The next test's worker would take the entries that still wait.
    const rest = new TakenEntries();
    const sweeping = rig.backend.openWorker("gpu-a", rest.pass, 50);
    await eventually(async () => {
      for (let index = 0; index < number; index++)
        if (await rig.queues.has("gpu-a", `job_${index}`, 0)) throw new Error("entries are left");
    });
    await sweeping.close();
    number = 0;
  });
  afterAll(() => rig.close());

  describe("what it takes", () => {
    test("nothing while it holds no slot, and as many at once as it holds", async () => {
      await add(6);
      worker.setSlots(0);
      await settlesAt(0);
      worker.setSlots(3);
      await settlesAt(3);
      taken.releaseAll();
      await settlesAt(3);
      expect(taken.highest).toBe(3);
    });

    test("more when its slots become more", async () => {
      await add(6);
      worker.setSlots(1);
      await settlesAt(1);
      worker.setSlots(4);
      await settlesAt(4);
    });

    test("fewer when they become fewer, once what runs has ended", async () => {
      await add(8);
      worker.setSlots(4);
      await settlesAt(4);
      worker.setSlots(1);
      await settlesAt(4);
      taken.release(taken.jobs[0] ?? "");
      await eventually(() => expect(taken.running).toBe(3));
      await settlesAt(3);
      taken.releaseAll();
      await settlesAt(1);
    });
  });

  describe("while its provider is down or it has no slot", () => {
    test.each([
      ["down", (is: boolean) => worker.setGate(is ? "shut" : "open")],
      ["without slots", (is: boolean) => worker.setSlots(is ? 0 : 2)],
    ])("%s: what runs goes on, nothing more is taken, and afterwards it is", async (_what, set) => {
      worker.setSlots(2);
      await add(2);
      await settlesAt(2);
      set(true);
      await add(2);
      taken.releaseAll();
      await settlesAt(0);
      set(false);
      await settlesAt(2);
      expect(taken.entries).toHaveLength(4);
    });

    test("changes that follow each other quickly end with the last one's state", async () => {
      worker.setSlots(2);
      for (let flip = 0; flip < 25; flip++) worker.setGate(flip % 2 === 1 ? "open" : "shut");
      await add(3);
      await settlesAt(0);
      for (let flip = 0; flip < 26; flip++) worker.setGate(flip % 2 === 1 ? "open" : "shut");
      await settlesAt(2);
    });
  });

  describe("closing", () => {
    test("waits for what runs, and takes nothing more", async () => {
      worker.setSlots(2);
      await add(4);
      await settlesAt(2);
      let isClosed = false;
      const closing = worker.close().then(() => (isClosed = true));
      await settlesAt(2);
      expect(isClosed).toBe(false);
      taken.releaseAll();
      await closing;
      expect(taken.entries).toHaveLength(2);
    });

    test("while paused with calls running, waits for them too", async () => {
      worker.setSlots(1);
      await add(1);
      await settlesAt(1);
      worker.setGate("shut");
      let isClosed = false;
      const closing = worker.close().then(() => (isClosed = true));
      await settlesAt(1);
      expect(isClosed).toBe(false);
      taken.releaseAll();
      await closing;
    });

    test("before it ever took anything is done at once; later changes are ignored", async () => {
      await worker.close();
      worker.setSlots(2);
      worker.setGate("open");
      await add(1);
      await settlesAt(0);
    });
  });
});
