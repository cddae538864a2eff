import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { eventually } from "./eventually.ts";
import { startTcpProxy } from "./tcp-proxy.ts";
import type { TestRedis } from "./test-redis.ts";

/** This is longer than any test. */
const CLAIM_SECONDS = 900;
const WAIT_FOR_DATABASE_MS = 60_000;

/**
 * Lends a test one database of a server that others use too. A fault that would affect the others
 * is applied to the connection instead: the test reaches the server through a proxy that refuses or
 * stalls.
 */
export async function lendRedis(serverUrl: string): Promise<TestRedis> {
  const register = new Redis(serverUrl);
  const looking = new Redis(serverUrl, { maxRetriesPerRequest: null });
  for (const client of [register, looking]) client.on("error", () => undefined); // Each client reconnects by itself.
  const close = (): void => {
    register.disconnect();
    looking.disconnect();
  };
  const token = randomUUID();
  const database = await eventually(
    () => claimDatabase(register, looking, token),
    WAIT_FOR_DATABASE_MS,
  ).catch((error: unknown) => {
    close();
    throw error;
  });
  const { hostname, port } = new URL(serverUrl);
  const proxy = await startTcpProxy(hostname, Number(port || 6379));
  const url = new URL(proxy.through(serverUrl));
  url.pathname = `/${database}`;
  const kill = (): Promise<void> => {
    proxy.fault = "refuse";
    proxy.reset();
    return Promise.resolve();
  };
  return {
    url: url.toString(),
    caFile: undefined,
    client: () => looking,
    async wipe() {
      await looking.flushdb();
    },
    kill,
    async restart() {
      await kill();
      await looking.flushdb();
      proxy.fault = "none";
    },
    freeze() {
      proxy.fault = "stall";
      return Promise.resolve();
    },
    thaw() {
      proxy.fault = "none";
      return Promise.resolve();
    },
    async stop() {
      await proxy.close();
      await looking.flushdb();
      await register.del(claimKey(database), oursKey(database));
      close();
    },
  };
}

const claimKey = (database: number): string => `spillway-test:claim:${database}`;
/**
 * This key marks a database that tests have filled and may empty, which a killed run leaves behind.
 */
const oursKey = (database: number): string => `spillway-test:ours:${database}`;

/** Finds a database that no test has now, and that is empty or was filled by tests. */
async function claimDatabase(register: Redis, looking: Redis, token: string): Promise<number> {
  for (let database = 1; ; database++) {
    const claim = await register.set(claimKey(database), token, "EX", CLAIM_SECONDS, "NX");
    if (claim === null) continue;
    const usable = await looking.select(database).then(
      async () =>
        (await register.exists(oursKey(database))) === 1 || (await looking.dbsize()) === 0,
      () => undefined,
    );
    if (usable === true) {
      await register.set(oursKey(database), token);
      await looking.flushdb();
      return database;
    }
    await register.del(claimKey(database));
    // The index is out of range, so there are no more databases.
    if (usable === undefined)
      throw new Error("The server of REDIS_URL has no empty database besides its first.");
  }
}
