import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { RequestCounters } from "../../../cli/simulate/counters.ts";
import type { Simulator } from "../../../cli/simulate/simulator.ts";
import { slotLock } from "../../../shared/processes/advisory-locks.ts";
import { ask } from "../broker/ask.ts";
import { completeChat, startPlayedServer, type PlayedServer } from "../../support/played-server.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";
import { problemsOf, sendAll } from "./load.ts";

const SLOTS = 4;
const MANY_SLOTS = 8;
/** It takes some 2 s. Measured times are printed, since a busy machine takes longer. */
const SOON_MS = 100_000;

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
/** A test counts the sequences of this engine. */
let engine: PlayedServer;
let key: string;
let api: ApiProcess;
/** These workers outlive their test, and the next ones use them again. */
const workers: CommandProcess[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  engine = await startPlayedServer({});
  // The simulators accept many more calls at once than the broker may send.
  const pace = { slots: 50, tokensPerSecond: 50 };
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: {
      gpu: { ...pace, ttftMs: 100, brokerSlots: SLOTS },
      wide: { ...pace, ttftMs: 20, brokerSlots: MANY_SLOTS },
      choices: { slots: SLOTS, baseUrl: engine.url, yaml: "engine: vllm" },
    },
    models: [
      "  chat: { serve: [{ provider: gpu, model: m }], max_attempts: 5 }",
      "  wide: { serve: [{ provider: wide, model: w }] }",
      "  choices: { serve: [{ provider: choices, model: c }] }",
    ].join("\n"),
  });
  key = await fleet.key({ budget: { limit_usd: "50", period: "total" } });
  api = await fleet.lasting.startApi();
});
afterAll(async () => {
  await fleet.stop();
  await engine.close();
  await redis.stop();
  await database.drop();
});

async function lastingWorkers(count: number): Promise<readonly CommandProcess[]> {
  const more = Array.from({ length: count - workers.length }, () => fleet.lasting.startWorker());
  workers.push(...(await Promise.all(more)));
  return workers;
}

function simulator(name: string): Simulator {
  const found = fleet.upstreams[name];
  if (found === undefined) throw new Error(`no simulator ${name}`);
  return found;
}

interface Share {
  /** The worker's process number. */
  readonly pid: number;
  /** PostgreSQL's process for the worker's lease session has this number. */
  readonly backend: number;
  readonly slots: number;
}

async function providerId(name: string): Promise<number> {
  const { rows } = await fleet.database.pool.query<{ id: number }>(
    "select id from providers where name = $1",
    [name],
  );
  const [found] = rows;
  if (found === undefined) throw new Error(`no provider ${name}`);
  return found.id;
}

/**
 * Lists the processes that hold slot locks of a provider, as PostgreSQL sees them; the largest
 * first.
 */
async function sharesOf(provider: string): Promise<Share[]> {
  const id = await providerId(provider);
  const { rows } = await fleet.database.pool.query<Share>(
    `select p.pid, l.pid as backend, count(*)::integer as slots
     from pg_locks l
     join slot_holders h on h.provider_id = $1 and h.slot = l.objid::bigint
     join processes p on p.id = h.worker
     where l.locktype = 'advisory' and l.granted and l.classid = $2
       and l.database = (select oid from pg_database where datname = current_database())
     group by p.pid, l.pid order by slots desc`,
    [id, slotLock(id)],
  );
  return rows;
}

/** Lists the numbers of a provider's slots that any process holds, in order. */
async function heldSlots(provider: string): Promise<number[]> {
  const id = await providerId(provider);
  const { rows } = await fleet.database.pool.query<{ slot: number }>(
    `select objid::integer as slot from pg_locks
     where locktype = 'advisory' and granted and classid = $1
       and database = (select oid from pg_database where datname = current_database())
     order by slot`,
    [slotLock(id)],
  );
  return rows.map(({ slot }) => slot);
}

/** Waits for these shares, the largest first, and prints how long that took. */
async function expectShares(what: string, expected: readonly number[]): Promise<void> {
  const startedAt = performance.now();
  await eventually(
    async () => {
      expect((await sharesOf("gpu")).map(({ slots }) => slots)).toEqual(expected);
    },
    SOON_MS,
    50,
  );
  const tookMs = Math.round(performance.now() - startedAt);
  console.log(`${what}: shares ${expected.join(", ")} after ${tookMs} ms`);
}

async function expectNoDifferences(): Promise<void> {
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]), SOON_MS, 100);
}

test("slots are shared anew when workers come, leave and die, and are never passed", async () => {
  const [first] = await lastingWorkers(1);
  await expectShares("one worker", [4]);
  const load = sendAll([api.baseUrl], key, 48, "shared");

  const [second, third] = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
  await expectShares("two workers came", [2, 1, 1]);
  third.child.kill("SIGTERM");
  expect(await third.ended).toMatchObject({ code: 0 });
  await expectShares("one left", [2, 2]);
  second.child.kill("SIGKILL");
  await expectShares("one died", [4]);
  expect((await sharesOf("gpu")).map(({ pid }) => pid)).toEqual([first?.pid]);

  const problems = await problemsOf(load, "shared");
  // An answer that had begun to arrive from the dead worker cannot start again, and says so.
  expect(problems.filter((problem) => !problem.includes('"code":"answer_lost"'))).toEqual([]);
  expect(problems.length).toBeLessThanOrEqual(SLOTS);
  await expectNoDifferences();
  expect(simulator("gpu").counters().highWater).toBe(SLOTS);
});

/** Keeps this many requests under way until stopped; resolves with all answers' statuses. */
function keepAsking(callers: number): () => Promise<number[]> {
  const over = new AbortController();
  const statuses: number[] = [];
  const asking = Promise.all(
    Array.from({ length: callers }, async () => {
      while (!over.signal.aborted) {
        const content = "[sim output=25]";
        const answer = await ask(api, { key, model: "wide", content, maxTokens: 25 });
        statuses.push(answer.status);
      }
    }),
  );
  return async () => {
    over.abort();
    await asking;
    return statuses;
  };
}

/** Looks at each start of a call in that time: returns the most calls that ran at such a moment. */
function mostAtOnce(calls: readonly RequestCounters[], fromMs: number, toMs: number): number {
  const begun = calls.filter(({ startedAtMs }) => startedAtMs > fromMs && startedAtMs <= toMs);
  const during = ({ startedAtMs }: RequestCounters): number =>
    calls.filter(
      (call) => call.startedAtMs <= startedAtMs && (call.endedAtMs ?? Infinity) > startedAtMs,
    ).length;
  return Math.max(0, ...begun.map(during));
}

async function limitTo(slots: number): Promise<void> {
  await fleet.database.pool.query("update providers set slots = $1 where name = 'wide'", [slots]);
}

test("a lowered limit drains what runs and holds from then on; a raised one is used", async () => {
  await lastingWorkers(2);
  const wide = simulator("wide");
  // The checker compares with this number, in the next tests, too.
  onTestFinished(() => limitTo(MANY_SLOTS));
  const stop = keepAsking(12);
  await eventually(() => expect(wide.counters().highWater).toBe(MANY_SLOTS), SOON_MS);

  await limitTo(2);
  const loweredAtMs = Date.now();
  // While a call in a slot beyond the limit ends, a worker without any slot may take one below it:
  // not the number of slots tells that all are drained, but which ones they are.
  await eventually(async () => expect(await heldSlots("wide")).toEqual([0, 1]), SOON_MS);
  const drainedAtMs = Date.now();
  const callsThen = wide.counters().calls;
  await eventually(() => expect(wide.counters().calls).toBeGreaterThan(callsThen + 8), SOON_MS);
  await limitTo(6);
  const raisedAtMs = Date.now();
  const calls = (): RequestCounters[] => Object.values(wide.counters().requests);
  await eventually(() => expect(mostAtOnce(calls(), raisedAtMs, Infinity)).toBe(6), SOON_MS);
  const usedAtMs = Date.now();
  console.log(
    `8 calls drained to 2 after ${drainedAtMs - loweredAtMs} ms; 6 in use after ${usedAtMs - raisedAtMs} ms`,
  );
  const statuses = await stop();
  expect(statuses.filter((status) => status !== 200)).toEqual([]);

  expect(mostAtOnce(calls(), 0, loweredAtMs)).toBe(MANY_SLOTS);
  expect(mostAtOnce(calls(), loweredAtMs, drainedAtMs)).toBeLessThanOrEqual(MANY_SLOTS);
  expect(mostAtOnce(calls(), drainedAtMs, raisedAtMs)).toBe(2);
  expect(mostAtOnce(calls(), raisedAtMs, Infinity)).toBe(6);
  expect(wide.counters().highWater).toBe(MANY_SLOTS);
  await limitTo(MANY_SLOTS);
  await expectNoDifferences();
});

test("a worker whose lease session is terminated aborts its calls, which run again", async () => {
  await lastingWorkers(2);
  await expectShares("two workers", [2, 2]);
  const gpu = simulator("gpu");
  const before = gpu.counters();
  gpu.setFault({ type: "hang" });
  const asked = Array.from({ length: 12 }, () => ask(api, { key }));
  await eventually(() => expect(gpu.counters().running).toBe(SLOTS), SOON_MS);
  gpu.setFault(null);
  const [ended] = await sharesOf("gpu");
  const cutAtMs = Date.now();
  await fleet.database.pool.query("select pg_terminate_backend($1)", [ended?.backend]);
  await eventually(() => expect(gpu.counters().aborted).toBe(before.aborted + 2), SOON_MS);
  const abortedAtMs = Object.values(gpu.counters().requests).map((call) => call.abortedAtMs ?? 0);
  console.log(`lease lost: calls aborted after ${Math.max(...abortedAtMs) - cutAtMs} ms`);

  // The other worker's calls still hang, so its session ends too.
  const shares = await sharesOf("gpu");
  const other = shares.find(({ backend, pid }) => pid !== ended?.pid && backend !== ended?.backend);
  await fleet.database.pool.query("select pg_terminate_backend($1)", [other?.backend]);
  for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200);
  await expectNoDifferences();
  expect(gpu.counters().highWater).toBe(SLOTS);
  const { rows } = await fleet.database.pool.query<{ rows: number }>(
    "select count(*)::integer as rows from ledger where error_code in ('lease_lost', 'worker_lost')",
  );
  // The worker closed them, or a sweeper that was quicker did; one may have begun again in between.
  expect(rows[0]?.rows).toBeGreaterThanOrEqual(4);
});

const inOrder = (counts: readonly number[]): number[] => counts.toSorted((a, b) => a - b);

test("calls of more choices than a worker's share never pass the slots", async () => {
  await lastingWorkers(2);
  await expectShares("two workers", [2, 2]);
  let [running, most] = [0, 0];
  engine.answer = async (body, response) => {
    const sequences = Number(body["n"] ?? 1);
    running += sequences;
    most = Math.max(most, running);
    // If another call could pass, it would arrive in this time.
    await sleep(50);
    running -= sequences;
    completeChat(body, response);
  };
  const wanted = [1, 3, 1, 4, 2, 3, 1, 2, 1, 4];
  await Promise.all(wanted.map((n) => ask(api, { key, model: "choices", fields: { n } })));
  const asked = engine.calls.map(({ body }) => Number(body["n"] ?? 1));
  expect(inOrder(asked)).toEqual(inOrder(wanted));
  expect(most).toBeLessThanOrEqual(SLOTS);
});
