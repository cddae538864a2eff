import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SeededRandom } from "../../chaos/seeded-random.ts";
import { endConnections } from "../../chaos/terminations/end-connections.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";
import { problemsOf, sendAll, type Load } from "./load.ts";

const RUNNING = 8;
const WAITING = 48;
/** This is longer than any timeout of a command or a lease. */
const FROZEN_MS = 12_000;

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
let apis: ApiProcess[];
let processes: readonly CommandProcess[];
let key: string;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  const provider = { slots: RUNNING / 2, ttftMs: 300, tokensPerSecond: 30 };
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { "gpu-a": provider, "gpu-b": provider },
    models: "  chat: { serve: [{ provider: gpu-a, model: a }, { provider: gpu-b, model: b }] }",
  });
  key = await fleet.key({ budget: { limit_usd: "50", period: "total" } });
  const { startApi, startWorker } = fleet.lasting;
  apis = await Promise.all([startApi(), startApi()]);
  processes = [...apis, ...(await Promise.all([startWorker(), startWorker()]))];
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
  await database.drop();
});

async function expectNoDifferences(): Promise<void> {
  const { upstreams } = fleet;
  await eventually(
    async () => {
      expect(await findDifferences({ database: fleet.database, upstreams })).toEqual([]);
    },
    20_000,
    200,
  );
}

/** Counts the entries that wait in Redis; a job gets there only after PostgreSQL has it. */
async function queued(): Promise<number> {
  const client = redis.client();
  const keys = await client.keys("*:prioritized");
  const counts = await Promise.all(keys.map((name) => client.zcard(name)));
  return counts.reduce((sum, count) => sum + count, 0);
}

/** Requests run in every slot, and six times as many wait behind them. */
async function fill(name: string): Promise<Load> {
  const load = sendAll(
    apis.map(({ baseUrl }) => baseUrl),
    key,
    RUNNING + WAITING,
    name,
  );
  await eventually(
    async () => {
      const { rows } = await fleet.database.pool.query<{ state: string; count: bigint }>(
        "select state, count(*) from jobs where state in ('waiting', 'running') group by state",
      );
      const counts = Object.fromEntries(rows.map(({ state, count }) => [state, Number(count)]));
      expect(counts["running"]).toBe(RUNNING);
      expect(counts["waiting"]).toBeGreaterThanOrEqual(WAITING - RUNNING);
      expect(load.answered() + (counts["waiting"] ?? 0) + RUNNING).toBe(RUNNING + WAITING);
      expect(await queued()).toBeGreaterThanOrEqual(counts["waiting"] ?? 0);
    },
    20_000,
    50,
  );
  return load;
}

test("FLUSHALL loses no answer and bills nothing twice", async () => {
  const load = await fill("flushed");
  await redis.wipe();
  expect(await problemsOf(load, "flushed")).toEqual([]);
  await expectNoDifferences();
});

test("Redis killed and started again empty", async () => {
  const load = await fill("restarted");
  await redis.kill();
  await redis.restart();
  expect(await problemsOf(load, "restarted")).toEqual([]);
  await expectNoDifferences();
});

// `npm run chaos -- terminations --of redis` does the same thousands of times.
test("a hundred connections killed one by one", async () => {
  const urls = apis.map(({ baseUrl }) => baseUrl);
  const load = sendAll(urls, key, 4 * RUNNING, "one by one");
  await endConnections({
    port: Number(new URL(redis.url).port),
    random: new SeededRandom(1),
    count: 100,
    perSecond: 100,
    signal: new AbortController().signal,
  });
  expect(await problemsOf(load, "one by one")).toEqual([]);
  await expectNoDifferences();
  for (const { child, stdout } of processes) {
    expect(child.exitCode ?? child.signalCode).toBeNull();
    expect(stdout()).not.toContain("nobody handled");
  }
});

test("Redis frozen for 12 s", async () => {
  const load = await fill("frozen");
  await redis.freeze();
  await sleep(FROZEN_MS);
  await redis.thaw();
  expect(await problemsOf(load, "frozen")).toEqual([]);
  await expectNoDifferences();
});
