import { beforeEach, expect, test } from "vitest";
import { openProviderQueues } from "../../../shared/queue/provider-queues.ts";
import { redisQueueBackend } from "../../../shared/queue/redis-queue-backend.ts";
import { closeRedis, openRedis, type RedisRole } from "../../../shared/redis/open-redis.ts";
import { queueEntry, TakenEntries } from "../queue/queue-rig.ts";
import { chunk, end, started } from "../../unit/shared/replies/lossy-wire.ts";
import { openReplySide } from "../replies/reply-side.ts";
import { eventually } from "../../support/eventually.ts";
import { startRedisPair, type RedisPair } from "../../support/redis-pair.ts";

const noError = (): void => undefined;
let pair: RedisPair;

beforeEach(async () => {
  pair = await startRedisPair();
  return () => pair.stop();
});

test.each<RedisRole>(["producer", "consumer"])(
  "a %s writes to the new primary by itself",
  async (role) => {
    const client = openRedis({ url: pair.url, role, onError: noError });
    await eventually(() => client.set("key", "before"));
    await pair.failover();
    await eventually(() => client.set("key", "after"));
    expect(await pair.client().get("key")).toBe("after");
    await pair.failover();
    await eventually(() => client.set("key", "and back"));
    expect(await pair.client().get("key")).toBe("and back");
    await closeRedis(client);
  },
);

test("producers and workers of a queue meet at the new primary", async () => {
  const backend = redisQueueBackend({ url: pair.url, prefix: "test", onError: noError });
  await backend.prepare();
  const queues = openProviderQueues(backend, ["p"]);
  const taken = new TakenEntries();
  const worker = backend.openWorker("p", taken.pass, 1);
  const add = (job: string): Promise<void> =>
    queues.add("p", queueEntry(job), { priority: 1, delayMs: 0 });
  await add("before");
  await eventually(() => expect(taken.jobs).toEqual(["before"]));
  await pair.failover();
  await eventually(() => add("after"));
  await eventually(() => expect(taken.jobs).toContain("after"));
  await worker.close();
  await queues.close();
  await backend.close();
});

test("an answer in the middle of a failover that loses writes reaches its owner", async () => {
  const [api, worker] = await Promise.all([
    openReplySide("api", pair.url),
    openReplySide("worker", pair.url),
  ]);
  const inbox = api.receiver.open("job");
  const reply = worker.sender.attempt("api", "job", 1);
  await reply.send(started);
  expect(await inbox.next()).toEqual(started);
  await pair.detachReplica();
  await reply.send(chunk("before"));
  expect(await inbox.next()).toEqual(chunk("before"));
  await pair.failover();
  await reply.send(chunk("after"));
  await reply.send(end);
  reply.close();
  expect(await inbox.next()).toEqual(chunk("after"));
  expect(await inbox.next()).toEqual(end);
  await Promise.all([api.close(0), worker.close(0)]);
});
