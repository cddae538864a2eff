import { describe, expect, test, type TestContext } from "vitest";
import { openProviderQueues } from "../../../shared/queue/provider-queues.ts";
import { redisQueueBackend } from "../../../shared/queue/redis-queue-backend.ts";
import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import { queueEntry, TakenEntries } from "../queue/queue-rig.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startTcpProxy } from "../../support/tcp-proxy.ts";

/** A silent connection is closed after 15 s, one with a blocking read later. */
const BACK_WITHIN_MS = 40_000;
const noError = (): void => undefined;

/** A proxy stands before Redis, and one client writes through it. */
async function start({ onTestFinished }: TestContext) {
  const redis = await startTestRedis();
  const { hostname, port } = new URL(redis.url);
  const proxy = await startTcpProxy(hostname, Number(port));
  const url = proxy.through(redis.url);
  const producer = openRedis({ url, role: "producer", onError: noError });
  onTestFinished(async () => {
    await closeRedis(producer);
    await proxy.close();
    await redis.stop();
  });
  await eventually(() => producer.ping());
  return { redis, proxy, url, producer };
}

/** A command that fails by its own time-out says so. */
function failureOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => "none",
    (error: Error) => error.message,
  );
}

describe.concurrent("a connection whose other end is gone unsaid", () => {
  test("makes commands fail in seconds, and comes back by itself", async (context) => {
    const { proxy, producer } = await start(context);
    const connections = proxy.connections;
    proxy.halfOpen();
    const answers = producer.pipeline().get("key").exec();
    const messages = await Promise.all([
      failureOf(producer.set("key", "lost")),
      answers.then((all) => all?.[0]?.[0]?.message),
    ]);
    expect(messages).toEqual(["Command timed out", "Command timed out"]);
    await eventually(() => producer.set("key", "kept"), BACK_WITHIN_MS);
    expect(proxy.connections).toBe(connections + 1);
  });

  test("does not keep a worker from its queue for ever", async (context) => {
    const { redis, proxy, url } = await start(context);
    const near = redisQueueBackend({ url: redis.url, prefix: "test", onError: noError });
    const far = redisQueueBackend({ url, prefix: "test", onError: noError });
    await Promise.all([near.prepare(), far.prepare()]);
    const queues = openProviderQueues(near, ["p"]);
    const taken = new TakenEntries();
    const worker = far.openWorker("p", taken.pass, 1);
    const add = (job: string): Promise<void> =>
      queues.add("p", queueEntry(job), { priority: 1, delayMs: 0 });
    await add("before");
    await eventually(() => expect(taken.jobs).toEqual(["before"]));
    proxy.halfOpen();
    await add("after");
    await eventually(() => expect(taken.jobs).toContain("after"), BACK_WITHIN_MS);
    await worker.close();
    await queues.close();
    await Promise.all([near.close(), far.close()]);
  });
});

describe.concurrent("a server that is frozen", () => {
  test("makes commands fail in seconds, and answers again at once", async (context) => {
    const { redis, producer } = await start(context);
    await redis.freeze();
    expect(await failureOf(producer.set("key", "value"))).toBe("Command timed out");
    await redis.thaw();
    expect(await failureOf(producer.get("key"))).toBe("none");
  });

  test("is answered for by no command that was sent before", async (context) => {
    const { redis, producer } = await start(context);
    await producer.set("key", "before");
    await redis.freeze();
    await failureOf(producer.set("key", "while frozen"));
    await redis.thaw();
    // Late answers go to the commands that they belong to.
    expect(await producer.get("key")).toBe("while frozen");
    expect(await producer.set("key", "after")).toBe("OK");
    expect(await producer.get("key")).toBe("after");
  });
});
