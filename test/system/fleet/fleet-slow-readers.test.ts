import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ask } from "../broker/ask.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";
import { residentBytes } from "./resident-bytes.ts";
import { startSlowReader, type SlowReader } from "./slow-reader.ts";

const READERS = 250;
/**
 * One reader in this many asks for more than the system's socket buffers take (some 8 MB on the
 * way; one machine has no room for 250 times that), so that the broker's own limit stops it.
 */
const ENDLESS_EVERY = 50;
/** An endless stream has some 225 MB, a long one some 160 KB. */
const ENDLESS_TOKENS = 1_200_000;
const LONG_TOKENS = 800;
const BYTES_PER_SECOND = 1_024;
const QUICK_ROUNDS = 25;
const MIB = 1024 * 1024;
/**
 * Each reader has 256 KiB of unacknowledged text and as much on its way; the rest is the heap's
 * slack.
 */
const GROWTH_BYTES = 512 * MIB;

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { gpu: { slots: READERS + 20 } },
    models: `  chat: { serve: [{ provider: gpu, model: m }], max_output_tokens: ${ENDLESS_TOKENS} }`,
  });
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
  await database.drop();
});

type Memory = Readonly<Record<"api" | "worker" | "redis", number>>;

/** Keeps the highest values that it sees, until aborted. */
async function watchMemory(read: () => Promise<Memory>, until: AbortSignal): Promise<Memory> {
  let most: Memory = await read();
  while (!until.aborted) {
    const now = await read();
    most = {
      api: Math.max(most.api, now.api),
      worker: Math.max(most.worker, now.worker),
      redis: Math.max(most.redis, now.redis),
    };
    await sleep(200, undefined, { signal: until }).catch(() => undefined);
  }
  return most;
}

/**
 * Measures how long callers of short streams wait for the first bytes; each gets its whole answer.
 */
async function firstByteMs(api: ApiProcess, key: string): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < QUICK_ROUNDS; round += 1) {
    const startedAt = performance.now();
    let firstAt: number | undefined;
    const onText = (): void => void (firstAt ??= performance.now());
    const answer = await ask(api, { key, stream: true, maxTokens: 16, onText });
    expect(answer.text).toMatch(/data: \[DONE\]\n\n$/);
    times.push((firstAt ?? Infinity) - startedAt);
  }
  return times.toSorted((a, b) => a - b);
}

const mib = (bytes: number): number => Math.round(bytes / MIB);
const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? NaN;

/** Resolves when the upstream generates no more than the readers read. */
async function whenHeldUp(): Promise<number> {
  let last = 0;
  let still = 0;
  return await eventually(() => {
    const now = fleet.upstreams["gpu"]?.counters().completionTokens ?? 0;
    still = now - last < READERS ? still + 1 : 0;
    last = now;
    if (still < 50) throw new Error(`still growing: ${now} tokens`);
    return now;
  });
}

test("250 slow readers of long streams fill no process and stand in nobody's way", async () => {
  const [api, worker] = await Promise.all([fleet.startApi(), fleet.startWorker()]);
  const key = await fleet.key({ budget: { limit_usd: "1000", period: "total" } });
  const read = async (): Promise<Memory> => ({
    api: await residentBytes(api.pid),
    worker: await residentBytes(worker.pid),
    redis: Number(/^used_memory:(\d+)/m.exec(await redis.client().info("memory"))?.[1]),
  });
  // These calls are not measured, because they warm the processes up.
  await firstByteMs(api, key);
  const without = await firstByteMs(api, key);
  const before = await read();

  const watched = new AbortController();
  onTestFinished(() => watched.abort());
  const most = watchMemory(read, watched.signal);
  // After a failed test nobody waits for this promise.
  most.catch(() => undefined);
  const startedAt = performance.now();
  const readers = await Promise.all(
    Array.from({ length: READERS }, (_, number): Promise<SlowReader> => {
      const tokens = number % ENDLESS_EVERY === 0 ? ENDLESS_TOKENS : LONG_TOKENS;
      return startSlowReader({ url: api.url, key, tokens, bytesPerSecond: BYTES_PER_SECOND });
    }),
  );
  const tokens = await whenHeldUp();
  const heldUpAfterMs = performance.now() - startedAt;
  const withThem = await firstByteMs(api, key);
  // All readers are still served, each at its own speed.
  const received = readers.map((reader) => reader.received());
  await eventually(() => {
    for (const [number, reader] of readers.entries())
      expect(reader.received()).toBeGreaterThan(received[number] ?? 0);
  });
  watched.abort();
  const peak = await most;

  const rows = (["api", "worker", "redis"] as const).map(
    (name) => `${name} ${mib(before[name])} -> ${mib(peak[name])} MiB`,
  );
  const ratio = median(withThem) / median(without);
  console.log(
    `${READERS} slow readers, ${tokens} tokens held up after ${Math.round(heldUpAfterMs)} ms; ${rows.join(", ")}; ` +
      `first byte of others, median ${median(without).toFixed(1)} -> ${median(withThem).toFixed(1)} ms (x ${ratio.toFixed(2)})`,
  );
  // The readers have asked for some 1.2 GB in all.
  expect(peak.api - before.api).toBeLessThan(GROWTH_BYTES);
  expect(peak.worker - before.worker).toBeLessThan(GROWTH_BYTES);
  expect(peak.redis - before.redis).toBeLessThan(GROWTH_BYTES);
  // The ratio is 1.5 on a machine that does nothing else.
  expect(ratio).toBeLessThan(10);

  for (const reader of readers) reader.leave();
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]), 120_000, 250);
});
