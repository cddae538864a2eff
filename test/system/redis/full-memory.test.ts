import { beforeEach, expect, test } from "vitest";
import { openProviderQueues, type ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import type { QueueBackend } from "../../../shared/queue/queue-backend.ts";
import { redisQueueBackend } from "../../../shared/queue/redis-queue-backend.ts";
import { isOutOfMemory } from "../../../shared/redis/check-redis.ts";
import { queueEntry, TakenEntries } from "../queue/queue-rig.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";

let redis: TestRedis;
let backend: QueueBackend;
let queues: ProviderQueues;

beforeEach(async () => {
  redis = await startTestRedis({ maxMemoryPolicy: "noeviction" });
  backend = redisQueueBackend({ url: redis.url, prefix: "test", onError: () => undefined });
  await backend.prepare();
  queues = openProviderQueues(backend, ["p"]);
  return async () => {
    await queues.close();
    await backend.close();
    await redis.stop();
  };
});

const add = (job: string): Promise<void> =>
  queues.add("p", queueEntry(job, { body: "x".repeat(1_000) }), { priority: 1, delayMs: 0 });

/** What is kept is more than what may be kept from now on, whatever buffers come and go. */
async function fill(): Promise<void> {
  await redis.client().config("SET", "maxmemory", "1");
}

async function empty(): Promise<void> {
  await redis.client().config("SET", "maxmemory", "0");
}

test("with its memory full, the server refuses entries, answers questions, and takes entries again later", async () => {
  await add("before");
  await fill();
  const thrown = await add("refused").then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(isOutOfMemory(thrown)).toBe(true);
  expect(await queues.has("p", "before", 0)).toBe(true);
  expect(await queues.has("p", "refused", 0)).toBe(false);
  await queues.remove("p", "before", 0);
  expect(await queues.has("p", "before", 0)).toBe(false);
  await empty();
  await add("refused");
  expect(await queues.has("p", "refused", 0)).toBe(true);
});

test("a worker outlives the time of full memory and takes what waits", async () => {
  const taken = new TakenEntries();
  const worker = backend.openWorker("p", taken.pass, 2);
  await add("first");
  await eventually(() => expect(taken.jobs).toEqual(["first"]));
  await fill();
  await expect(add("refused")).rejects.toThrow("OOM");
  await empty();
  await add("second");
  await eventually(() => expect(taken.jobs).toEqual(["first", "second"]));
  await worker.close();
});

test("other errors are not taken for full memory", () => {
  expect(isOutOfMemory(new Error("READONLY You can't write against a read only replica."))).toBe(
    false,
  );
  expect(isOutOfMemory("OOM command not allowed")).toBe(false);
});
