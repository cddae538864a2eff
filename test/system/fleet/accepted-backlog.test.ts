import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startAcceptedFleet, type AcceptedFleet } from "./accepted-fleet.ts";
import { residentBytes } from "./resident-bytes.ts";

const JOBS = 1_500;
const CALLERS = 16;
/** This many further requests have waiting callers, who leave before a worker comes. */
const INTERACTIVE = 100;
/** After this many jobs a heap has its slack. */
const WARM = 250;
const SLOTS = 60;
/**
 * Each request has this many random bytes: 60 MB in all, and no process may keep them in memory.
 */
const BODY_BYTES = 40_000;
const MIB = 1024 * 1024;
/** Redis has an entry for each job, without its body; an API has nothing. */
const REDIS_GROWTH_BYTES = 4 * MIB;
const API_GROWTH_BYTES = 20 * MIB;
/** With a small heap an API's slack is some 10 MB; its half of the measured bodies is 25 MB. */
const SMALL_HEAP = { NODE_OPTIONS: "--max-semi-space-size=4 --max-old-space-size=80" };

let rig: AcceptedFleet;
beforeAll(async () => {
  rig = await startAcceptedFleet({
    providers: { gpu: { slots: SLOTS } },
    models: "  chat: { serve: [{ provider: gpu, model: m }], max_output_tokens: 4 }",
  });
  await rig.database.pool.query("delete from webhook_endpoints");
});
afterAll(() => rig.stop());

interface Memory {
  readonly apis: number;
  readonly redis: number;
}

async function memory(): Promise<Memory> {
  const [one, two] = await Promise.all(rig.apis.map(({ pid }) => residentBytes(pid)));
  const info = await rig.redis.client().info("memory");
  const redis = Number(/used_memory:(\d+)/.exec(info)?.[1]);
  return { apis: Math.max(one ?? 0, two ?? 0), redis };
}

function request(index: number, prefer: Record<string, string>): [string, RequestInit] {
  const content = `[sim output=2] ${index} ${randomBytes((BODY_BYTES * 3) / 4).toString("base64")}`;
  return [
    `${rig.apis[index % 2 === 0 ? 0 : 1].baseUrl}/chat/completions`,
    {
      method: "POST",
      headers: {
        authorization: `Bearer ${rig.key}`,
        "content-type": "application/json",
        "x-spillway-deadline-ms": "600000",
        ...prefer,
      },
      body: JSON.stringify({ model: "chat", messages: [{ role: "user", content }], max_tokens: 2 }),
    },
  ];
}

/** Returns the jobs' ids. */
async function acceptMany(many: number): Promise<string[]> {
  const ids: string[] = [];
  let next = 0;
  const acceptNext = async (): Promise<void> => {
    while (next < many) {
      const answer = await fetch(...request(next++, { prefer: "respond-async" }));
      const text = await answer.text();
      expect({ status: answer.status, text }).toMatchObject({ status: 202 });
      ids.push((JSON.parse(text) as { id: string }).id);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, acceptNext));
  return ids;
}

async function count(where: string): Promise<number> {
  const { rows } = await rig.database.pool.query<{ n: number }>(
    `select count(*)::integer as n from jobs where ${where}`,
  );
  return rows[0]?.n ?? 0;
}

/** Asks with waiting callers, who leave once all their jobs wait. */
async function leaveWaiting(): Promise<void> {
  const callers = new AbortController();
  const asks = Array.from({ length: INTERACTIVE }, async (_, index) => {
    const [url, init] = request(index, {});
    await fetch(url, { ...init, signal: callers.signal }).catch(() => undefined);
  });
  await eventually(async () => expect(await count("interactive")).toBe(INTERACTIVE));
  callers.abort();
  await Promise.all(asks);
  await eventually(async () =>
    expect(await count("interactive and state = 'cancelled'")).toBe(INTERACTIVE),
  );
}

test("fifteen hundred jobs wait for workers in no one's memory, and all end", async () => {
  await rig.startApis({ env: SMALL_HEAP });
  await leaveWaiting();
  const ids = new Set(await acceptMany(WARM));
  const before = await memory();
  const startedAt = performance.now();
  for (const id of await acceptMany(JOBS - WARM)) ids.add(id);
  const acceptedPerSecond = ((JOBS - WARM) / (performance.now() - startedAt)) * 1_000;
  await sleep(500);
  const after = await memory();
  expect(ids.size).toBe(JOBS);
  expect(await count("not interactive and state = 'waiting'")).toBe(JOBS);
  const grown = { apis: after.apis - before.apis, redis: after.redis - before.redis };
  console.log(
    `${Math.round(acceptedPerSecond)} accepted a second;`,
    `an API grew by ${Math.round(grown.apis / MIB)} MiB, Redis by ${Math.round(grown.redis / MIB)} MiB`,
  );
  expect(grown.redis).toBeLessThan(REDIS_GROWTH_BYTES);
  expect(grown.apis).toBeLessThan(API_GROWTH_BYTES);
  const ranFrom = performance.now();
  await Promise.all([rig.fleet.startWorker(), rig.fleet.startWorker()]);
  await eventually(
    async () => expect(await count("state in ('waiting', 'running')")).toBe(0),
    90_000,
    200,
  );
  console.log(`all ended ${Math.round(performance.now() - ranFrom)} ms after workers were started`);
  expect(await count("not interactive and state = 'done'")).toBe(JOBS);
  await eventually(async () => expect(await findDifferences(rig)).toEqual([]), 20_000, 200);
  const { requests, highWater } = rig.upstreams["gpu"]?.counters() ?? {
    requests: {},
    highWater: 0,
  };
  expect(new Set(Object.keys(requests))).toEqual(new Set(Array.from(ids, (id) => `${id}.1`)));
  expect(highWater).toBeLessThanOrEqual(SLOTS);
});
