import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { lendRedis } from "../../support/lent-redis.ts";
import { type OwnRedisOptions, startOwnRedis } from "../../support/own-redis.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";

function stoppedAfterTest<Server extends TestRedis>(redis: Server): Server {
  onTestFinished(() => redis.stop());
  return redis;
}

async function own(options: OwnRedisOptions = {}): Promise<TestRedis> {
  return stoppedAfterTest(await startOwnRedis(options));
}

async function lent(): Promise<TestRedis> {
  const server = await own();
  return stoppedAfterTest(await lendRedis(server.url));
}

/** The client shows every failure of its connection. */
function connectTo(redis: TestRedis): Redis {
  const client = new Redis(redis.url, { lazyConnect: true, retryStrategy: () => null });
  client.on("error", () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

describe.each([
  { kind: "the Redis of this run", start: async () => stoppedAfterTest(await startTestRedis()) },
  { kind: "a server of its own", start: own },
  { kind: "a borrowed database", start: lent },
])("$kind", ({ start }) => {
  test("serves clients and the one for looking, and can be wiped", async () => {
    const redis = await start();
    const client = connectTo(redis);
    await client.set("key", "value");
    expect(await redis.client().get("key")).toBe("value");
    await redis.wipe();
    expect(await client.exists("key")).toBe(0);
  });

  test("killed, it ends connections and takes none; restarted, it is empty", async () => {
    const redis = await start();
    const client = connectTo(redis);
    await client.set("key", "value");
    const closed = new Promise((resolve) => client.once("close", resolve));
    await redis.kill();
    await closed;
    await expect(connectTo(redis).connect()).rejects.toThrow("closed");
    await redis.restart();
    const next = connectTo(redis);
    expect(await next.exists("key")).toBe(0);
    expect(await next.set("key", "again")).toBe("OK");
    await redis.restart();
    expect(await connectTo(redis).exists("key")).toBe(0);
  });

  test("frozen, it answers nothing until it thaws, and then everything", async () => {
    const redis = await start();
    const client = connectTo(redis);
    await client.ping();
    await redis.freeze();
    let answered = false;
    const answer = client.incr("count").finally(() => (answered = true));
    await sleep(200);
    expect(answered).toBe(false);
    expect(client.status).toBe("ready");
    await redis.thaw();
    expect(await answer).toBe(1);
  });
});

describe("a server of its own", () => {
  test("frozen or not, nothing is left of it after stop", async () => {
    const directory = await ownTmpdir();
    const redis = await startOwnRedis();
    expect(await readdir(directory)).toHaveLength(1);
    await redis.freeze();
    await redis.stop();
    await expect(connectTo(redis).connect()).rejects.toThrow("closed");
    expect(await readdir(directory)).toEqual([]);
  });

  test("append-only, it keeps its data over a kill", async () => {
    const redis = await startTestRedis({ appendOnly: true });
    stoppedAfterTest(redis);
    await redis.client().set("key", "value");
    await redis.kill();
    await redis.restart();
    expect(await redis.client().get("key")).toBe("value");
  });

  test("with little memory, it refuses writes or evicts, as its policy says", async () => {
    await expect(fill("noeviction")).rejects.toThrow("OOM");
    expect(await fill("allkeys-lru")).toBeLessThan(50);
  });

  test("with a password, it lets in who knows it", async () => {
    const redis = await own({ password: "p@ss/word" });
    expect(await connectTo(redis).ping()).toBe("PONG");
    const url = new URL(redis.url);
    url.password = "";
    const stranger = connectTo({ ...redis, url: url.toString() });
    await expect(stranger.set("key", "value")).rejects.toThrow("NOAUTH");
  });

  test("with TLS, it talks to who trusts its certificate", async () => {
    const redis = await own({ tls: true });
    expect(redis.url).toMatch(/^rediss:/);
    expect(existsSync(redis.caFile ?? "")).toBe(true);
    expect(await redis.client().ping()).toBe("PONG");
    const stranger = connectTo(redis);
    const refused = new Promise<Error>((resolve) => stranger.once("error", resolve));
    await expect(stranger.connect()).rejects.toThrow("closed");
    expect((await refused).message).toContain("self-signed");
    await redis.restart();
    expect(await redis.client().ping()).toBe("PONG");
  });

  test("that does not start says why and leaves nothing", async () => {
    const directory = await ownTmpdir();
    await expect(startOwnRedis({ maxMemoryPolicy: "nonsense" })).rejects.toThrow(
      /did not start:[^]*maxmemory-policy/,
    );
    expect(await readdir(directory)).toEqual([]);
  });
});

/**
 * Writes 5 MB into a server with less memory; returns how many of the 50 keys are there at the end.
 */
async function fill(policy: string): Promise<number> {
  const redis = await own({ maxMemory: "3mb", maxMemoryPolicy: policy });
  for (let count = 0; count < 50; count++)
    await redis.client().set(`key:${count}`, "x".repeat(100_000));
  return await redis.client().dbsize();
}

/** Files that would go to the system's directory for temporary files go to this one. */
async function ownTmpdir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "spillway-test-"));
  vi.stubEnv("TMPDIR", directory);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(directory, { recursive: true });
  });
  return directory;
}

describe("a borrowed database", () => {
  test("is not the one of another test, nor one with data of others", async () => {
    const server = await own();
    const owner = server.client();
    await owner.set("first", "theirs");
    await owner.select(2);
    await owner.set("second", "theirs");
    const one = stoppedAfterTest(await lendRedis(server.url));
    const two = stoppedAfterTest(await lendRedis(server.url));
    expect([one, two].map(({ url }) => new URL(url).pathname)).toEqual(["/1", "/3"]);
    await one.client().set("key", "one");
    await two.client().set("key", "two");
    await two.wipe();
    await two.restart();
    await two.freeze();
    expect(await one.client().get("key")).toBe("one");
    expect(await owner.get("second")).toBe("theirs");
    await owner.select(0);
    expect(await owner.get("first")).toBe("theirs");
  });

  test("is given back empty, and nothing tells that it was borrowed", async () => {
    const server = await own();
    const redis = await lendRedis(server.url);
    await redis.client().set("key", "value");
    await redis.stop();
    expect(await server.client().dbsize()).toBe(0);
    await server.client().select(1);
    expect(await server.client().dbsize()).toBe(0);
  });

  test("that a killed run has left full is emptied for the next", async () => {
    const server = await own();
    const left = stoppedAfterTest(await lendRedis(server.url));
    await left.client().set("key", "left");
    // The claim is deleted, as it is when its time is over.
    await server.client().del("spillway-test:claim:1");
    const next = stoppedAfterTest(await lendRedis(server.url));
    expect([left, next].map(({ url }) => new URL(url).pathname)).toEqual(["/1", "/1"]);
    expect(await next.client().dbsize()).toBe(0);
  });

  test("is waited for while other tests have them all", async () => {
    const server = await own();
    const register = server.client();
    for (let database = 1; database < 16; database++)
      await register.set(`spillway-test:claim:${database}`, "another");
    const waiting = lendRedis(server.url);
    await eventually(async () => {
      expect(await register.info("commandstats")).toMatch(/cmdstat_select:calls=([5-9]|\d\d)/);
    });
    await register.del("spillway-test:claim:7");
    const redis = stoppedAfterTest(await waiting);
    expect(new URL(redis.url).pathname).toBe("/7");
  });
});
