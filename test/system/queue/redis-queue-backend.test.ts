import { beforeEach, describe, expect, test } from "vitest";
import { openProviderQueues, type ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import type { EntryWorker, QueueBackend, TakeEntry } from "../../../shared/queue/queue-backend.ts";
import { redisQueueBackend } from "../../../shared/queue/redis-queue-backend.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startRedisPair } from "../../support/redis-pair.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { queueEntry, TakenEntries } from "./queue-rig.ts";

let redis: TestRedis;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  redis = await startTestRedis();
  return async () => {
    await Promise.all(closers.splice(0).map((close) => close()));
    await redis.stop();
  };
});

interface Installation {
  readonly backend: QueueBackend;
  readonly queues: ProviderQueues;
  work(take: TakeEntry, concurrency?: number): EntryWorker;
}

/** Opens queues and workers as a process on Redis does. */
async function open(prefix = "one", url = redis.url): Promise<Installation> {
  const backend = redisQueueBackend({ url, prefix, onError: () => undefined });
  await backend.prepare();
  const queues = openProviderQueues(backend, ["gpu-a", "gpu-b"]);
  const workers: EntryWorker[] = [];
  closers.push(async () => {
    await Promise.all(workers.map((worker) => worker.close()));
    await queues.close();
    await backend.close();
  });
  return {
    backend,
    queues,
    work(take, concurrency = 1) {
      const worker = backend.openWorker("gpu-a", take, concurrency);
      workers.push(worker);
      return worker;
    },
  };
}

const first = { priority: 1, delayMs: 0 };

describe("keys", () => {
  test("of one queue lie in one slot of a cluster, and in none of another's", async () => {
    const { queues, work } = await open();
    await queues.add("gpu-a", queueEntry("a"), first);
    await queues.add("gpu-b", queueEntry("b"), { priority: 1, delayMs: 60_000 });
    const taken = new TakenEntries();
    work(taken.hold);
    await eventually(() => expect(taken.jobs).toEqual(["a"]));
    const keys = await redis.client().keys("*");
    const tags = new Set(keys.map((key) => /^\{[^}]+\}/.exec(key)?.[0]));
    expect(tags).toEqual(new Set(["{one:gpu-a}", "{one:gpu-b}"]));
    taken.releaseAll();
  });

  test("of installations that share a server do not meet", async () => {
    const [one, two] = [await open("one"), await open("two")];
    await one.queues.add("gpu-a", queueEntry("job"), first);
    expect(await two.queues.has("gpu-a", "job", 0)).toBe(false);
    const taken = new TakenEntries();
    two.work(taken.pass);
    await two.queues.add("gpu-a", queueEntry("own"), first);
    await eventually(() => expect(taken.jobs).toEqual(["own"]));
    expect(await one.queues.has("gpu-a", "job", 0)).toBe(true);
  });

  test("of entries that have been taken, failed or removed are gone", async () => {
    const { queues, work } = await open();
    const jobs = Array.from({ length: 60 }, (_, index) => `job_${index}`);
    for (const job of jobs) await queues.add("gpu-a", queueEntry(job), first);
    for (const job of jobs.slice(0, 20)) await queues.remove("gpu-a", job, 0);
    const before = (await redis.client().keys("*")).length;
    let taken = 0;
    work(() => (++taken % 2 === 0 ? Promise.reject(new Error("on purpose")) : done));
    await eventually(async () => {
      expect(taken).toBe(40);
      expect(await redis.client().keys("*job_*")).toEqual([]);
    });
    expect((await redis.client().keys("*")).length).toBeLessThan(before - 30);
    // BullMQ's log of events is bounded too.
    expect(await redis.client().memory("USAGE", "{one:gpu-a}:gpu-a:events")).toBeLessThan(100_000);
  });
});

const done = Promise.resolve("taken" as const);

describe("the epoch", () => {
  test("is the same for every process, as long as nothing was lost", async () => {
    const [one, two] = [await open(), await open()];
    const epochs = await Promise.all([one, two, one].map(({ backend }) => backend.epoch()));
    expect(new Set(epochs).size).toBe(1);
    await one.queues.add("gpu-a", queueEntry("job"), first);
    expect(await two.backend.epoch()).toBe(epochs[0]);
  });

  test("is another after a wipe and after a restart, and unknown meanwhile", async () => {
    const { backend } = await open();
    const seen = [await backend.epoch()];
    await redis.wipe();
    seen.push(await backend.epoch());
    await redis.kill();
    await eventually(() => expect(backend.epoch()).rejects.toThrow("isn't writeable"));
    await redis.restart();
    seen.push(await eventually(() => backend.epoch()));
    expect(new Set(seen).size).toBe(3);
  });

  test("is another after a restart that kept the keys: the last ones may be lost", async () => {
    const kept = await startTestRedis({ appendOnly: true });
    closers.push(() => kept.stop());
    const { backend } = await open("one", kept.url);
    const before = await backend.epoch();
    await kept.restart();
    const after = await eventually(() => backend.epoch());
    expect(after).not.toBe(before);
    expect(after.split(" ")[0]).toBe(before.split(" ")[0]);
  });

  test("is another after a failover", async () => {
    const pair = await startRedisPair();
    closers.push(() => pair.stop());
    const { backend, queues } = await open("one", pair.url);
    const before = await backend.epoch();
    await pair.failover();
    await eventually(() => queues.add("gpu-a", queueEntry("job"), first));
    expect(await backend.epoch()).not.toBe(before);
  });
});

describe("a server that goes away", () => {
  test.each(["long opened", "just opened"])(
    "makes producers, %s, fail at once, and they go on when it is back",
    async (opened) => {
      const { queues } = await open();
      if (opened === "long opened") await queues.add("gpu-a", queueEntry("before"), first);
      await redis.kill();
      const add = (job: string): Promise<void> => queues.add("gpu-a", queueEntry(job), first);
      await eventually(() => expect(add("lost")).rejects.toThrow("isn't writeable"));
      // Commands that waited for the server would wait for its restart below.
      await expect(add("lost")).rejects.toThrow("isn't writeable");
      await expect(queues.has("gpu-a", "lost", 0)).rejects.toThrow("isn't writeable");
      await redis.restart();
      await eventually(() => add("kept"));
      expect(await queues.has("gpu-a", "kept", 0)).toBe(true);
    },
  );

  test("makes workers wait, and they take again when it is back, empty", async () => {
    const { queues, work } = await open();
    const taken = new TakenEntries();
    work(taken.pass, 2);
    await queues.add("gpu-a", queueEntry("before"), first);
    await eventually(() => expect(taken.jobs).toEqual(["before"]));
    await redis.restart();
    await eventually(() => queues.add("gpu-a", queueEntry("after"), first));
    await eventually(() => expect(taken.jobs).toContain("after"));
  });

  test("does not stop what was taken, whose end it need not hear", async () => {
    const { queues, work } = await open();
    const taken = new TakenEntries();
    work(taken.hold);
    await queues.add("gpu-a", queueEntry("runs"), first);
    await eventually(() => expect(taken.jobs).toEqual(["runs"]));
    await redis.restart();
    await eventually(() => queues.add("gpu-a", queueEntry("next"), first));
    expect(taken.running).toBe(1);
    taken.release("runs");
    await eventually(() => expect(taken.jobs).toContain("next"));
    taken.releaseAll();
  });
});

test("an entry whose worker is gone is taken by another once its lock has run out", async () => {
  const { queues, work } = await open();
  const gone = redisQueueBackend({ url: redis.url, prefix: "one", onError: () => undefined });
  const lost = new TakenEntries();
  const dying = gone.openWorker("gpu-a", lost.hold, 1);
  await queues.add("gpu-a", queueEntry("job"), first);
  await eventually(() => expect(lost.jobs).toEqual(["job"]));
  await gone.close();
  const taken = new TakenEntries();
  work(taken.pass);
  expect(await queues.has("gpu-a", "job", 0)).toBe(true);
  await eventually(() => expect(taken.jobs).toEqual(["job"]));
  lost.releaseAll();
  await dying.close();
});
