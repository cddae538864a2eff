import { Redis } from "ioredis";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { type RedisPair, startRedisPair } from "../../support/redis-pair.ts";

let pair: RedisPair;

beforeEach(async () => {
  pair = await startRedisPair();
  return () => pair.stop();
});

function connect(): Redis {
  const client = new Redis(pair.url);
  // The pair may stop first.
  client.on("error", () => undefined);
  onTestFinished(() => client.disconnect());
  return client;
}

test("after a failover the old connection cannot write, and a new one can", async () => {
  const before = connect();
  await before.set("key", "value");
  await before.wait(1, 0);
  await pair.failover();
  await expect(before.set("key", "late")).rejects.toThrow("READONLY");
  expect(await before.get("key")).toBe("value");
  const after = connect();
  expect(await after.get("key")).toBe("value");
  await after.set("key", "new");
  expect(await pair.client().get("key")).toBe("new");

  await pair.failover();
  await expect(after.set("key", "late")).rejects.toThrow("READONLY");
  expect(await before.set("key", "back")).toBe("OK");
});

test("a failover after the replica was detached loses what was written since", async () => {
  const client = connect();
  await client.set("kept", "value");
  await client.wait(1, 0);
  await pair.detachReplica();
  await client.set("lost", "value");
  await pair.failover();
  expect(await connect().exists("kept", "lost")).toBe(1);
  expect(await pair.client().exists("kept")).toBe(1);
});
