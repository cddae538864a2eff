import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Simulator } from "../../../cli/simulate/simulator.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { ask, errorOf, eventsOf, type Answer, type Question } from "../broker/ask.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";

const SLOTS = 4;
/** It takes some 2 s. Measured times are printed, since a busy machine takes longer. */
const SOON_MS = 20_000;

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
let gpu: Simulator;
let key: string;
let api: ApiProcess;
/** This API runs until a test stops it. */
let other: ApiProcess;
/** A test that stops this worker starts another one. */
let worker: CommandProcess;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    // The simulator accepts many more calls at once than the broker may send.
    providers: { gpu: { slots: 50, brokerSlots: SLOTS, tokensPerSecond: 20 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
  const { gpu: simulator } = fleet.upstreams;
  if (simulator === undefined) throw new Error("no simulator");
  gpu = simulator;
  key = await fleet.key({ budget: { limit_usd: "50", period: "total" } });
  const { startApi, startWorker } = fleet.lasting;
  [api, other, worker] = await Promise.all([startApi(), startApi(), startWorker()]);
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
  await database.drop();
});
afterEach(async () => {
  gpu.setFault(null);
  await redis.thaw();
});

async function expectNoDifferences(): Promise<void> {
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]), SOON_MS, 100);
  expect(gpu.counters().highWater).toBeLessThanOrEqual(SLOTS);
}

interface Leaver {
  /** Closes the connection; resolves when the caller is gone. */
  leave(): Promise<void>;
}

/** Resolves when the caller's generation runs; it runs until the caller leaves. */
async function longCaller(stream: boolean): Promise<Leaver> {
  const { running } = gpu.counters();
  const gone = new AbortController();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const asked = ask(api, {
    key,
    stream,
    content: "[sim output=4000]",
    maxTokens: 4_000,
    signal: gone.signal,
    onText: () => begin(),
  }).catch(() => undefined);
  await eventually(() => expect(gpu.counters().running).toBe(running + 1), SOON_MS);
  if (stream) await begun;
  return {
    async leave() {
      gone.abort();
      await asked;
    },
  };
}

/** Starts to watch for calls that the broker closes early; the returned function waits for them. */
function watchAborts(what: string): (count: number) => Promise<void> {
  const { aborted } = gpu.counters();
  const sinceMs = Date.now();
  return (count) => expectAborted(what, sinceMs, aborted + count);
}

async function expectAborted(what: string, sinceMs: number, aborted: number): Promise<void> {
  await eventually(() => expect(gpu.counters().aborted).toBe(aborted), SOON_MS);
  const { requests, bytesAfterAbort } = gpu.counters();
  const lastMs = Math.max(...Object.values(requests).map((call) => call.abortedAtMs ?? 0));
  console.log(`${what}: the upstream's sockets closed after ${lastMs - sinceMs} ms`);
  expect(bytesAfterAbort).toBe(0);
}

async function lastEnds(count: number): Promise<unknown[]> {
  const { rows } = await fleet.database.pool.query(
    `select j.state, j.error_code, l.status from jobs j left join ledger l on l.job_id = j.id
     order by j.accepted_at desc, l.attempt desc limit $1`,
    [count],
  );
  return rows;
}

test("a caller who leaves stops his call in another process, and the slot is free", async () => {
  const callers = [
    await longCaller(true),
    await longCaller(true),
    await longCaller(false),
    await longCaller(false),
  ];
  const expectStopped = watchAborts("callers left");
  await Promise.all(callers.map((caller) => caller.leave()));
  await expectStopped(SLOTS);
  await expectNoDifferences();
  const cancelled = { state: "cancelled", error_code: "disconnect", status: "cancelled" };
  expect(await lastEnds(SLOTS)).toEqual(Array.from({ length: SLOTS }, () => cancelled));

  const next = await Promise.all(Array.from({ length: SLOTS }, () => ask(api, { key })));
  expect(next.map(({ status }) => status)).toEqual(Array(SLOTS).fill(200));
  await expectNoDifferences();
});

test.each([
  { what: "frozen", lose: () => redis.freeze(), back: () => redis.thaw() },
  { what: "killed", lose: () => redis.kill(), back: () => redis.restart() },
])("with Redis $what, a caller who leaves stops his call by the worker's sweep", async (way) => {
  const callers = [await longCaller(true), await longCaller(false)];
  await way.lose();
  let isAway = true;
  const comeBack = async (): Promise<void> => {
    if (isAway) await way.back();
    isAway = false;
  };
  onTestFinished(comeBack);
  // The sweep that stops the first call then asks Redis, and gets no answer.
  for (const caller of callers) {
    const expectStopped = watchAborts(`a caller left while Redis was ${way.what}`);
    await caller.leave();
    await expectStopped(1);
  }
  await expectNoDifferences();

  await comeBack();
  // A broken connection to Redis is tried again every second.
  await eventually(async () => expect((await ask(api, { key })).status).toBe(200), SOON_MS);
  await expectNoDifferences();
});

function expectTooLate(answer: Answer): void {
  expect(answer.status).toBe(504);
  expect(answer.headers.get("x-should-retry")).toBe("false");
  expect(errorOf(answer)).toMatchObject({ code: "deadline_exceeded" });
}

test("a deadline ends running and waiting jobs with 504, and no call goes on", async () => {
  const { calls } = gpu.counters();
  const expectStopped = watchAborts("a deadline of 2 s");
  gpu.setFault({ type: "hang" });
  const headers = { "x-spillway-deadline-ms": "2000" };
  const running = Array.from({ length: SLOTS }, (_, number) =>
    ask(api, { key, stream: number % 2 === 0, headers }),
  );
  await eventually(() => expect(gpu.counters().running).toBe(SLOTS), SOON_MS);
  const waiting = [true, false].map((stream) =>
    ask(api, { key, stream, headers: { "x-spillway-deadline-ms": "500" } }),
  );
  for (const answer of await Promise.all([...waiting, ...running])) expectTooLate(answer);
  await expectStopped(SLOTS);
  await expectNoDifferences();
  expect(gpu.counters().calls).toBe(calls + SLOTS);
});

test("a revoked key ends its waiting jobs at another API, and what runs goes on", async () => {
  const doomed = await fleet.key({ name: "doomed", budget: { limit_usd: "1", period: "total" } });
  const long: Partial<Question> = { content: "[sim output=60]", maxTokens: 60 };
  const running = Array.from({ length: SLOTS }, () => ask(api, { key: doomed, ...long }));
  await eventually(() => expect(gpu.counters().running).toBe(SLOTS), SOON_MS);
  const waiting = [true, false, true].map((stream) => ask(api, { key: doomed, stream }));
  const { calls } = gpu.counters();
  await eventually(async () => {
    const { rows } = await fleet.database.pool.query("select from jobs where state = 'waiting'");
    expect(rows).toHaveLength(3);
  }, SOON_MS);

  const authorization = `Bearer ${fleet.env["SPILLWAY_ADMIN_KEY"]}`;
  const { rows } = await fleet.database.pool.query<{ id: string }>(
    "select id from keys where name = 'doomed'",
  );
  const revoked = await fetch(`${other.url}/admin/keys/${rows[0]?.id}`, {
    method: "DELETE",
    headers: { authorization },
  });
  expect(revoked.status).toBe(200);
  for (const answer of await Promise.all(waiting)) {
    expect(answer.status).toBe(401);
    expect(errorOf(answer)).toMatchObject({ code: "invalid_api_key" });
  }
  expect(gpu.counters()).toMatchObject({ running: SLOTS, calls });
  for (const answer of await Promise.all(running)) expect(answer.status).toBe(200);
  await expectNoDifferences();
});

test("an API that is stopped finishes its callers' answers and takes no new ones", async () => {
  const stopped = other;
  const long: Partial<Question> = { content: "[sim output=30]", maxTokens: 30 };
  const asked = [true, false].map((stream) => ask(stopped, { key, stream, ...long }));
  await eventually(() => expect(gpu.counters().running).toBe(2), SOON_MS);
  stopped.child.kill("SIGTERM");
  await eventually(() => expect(stopped.stderr()).toContain("Stopping"), SOON_MS);
  const late = await ask(stopped, { key }).catch(() => undefined);
  expect([undefined, 503]).toContain(late?.status);
  const [stream, whole] = await Promise.all(asked);
  expect(stream?.status).toBe(200);
  expect(eventsOf(stream?.text ?? "").at(-1)).toBe("[DONE]");
  expect(whole?.status).toBe(200);
  expect(whole?.text).toContain("tok29");
  expect(await stopped.ended).toMatchObject({ code: 0, signal: null });
  await expectNoDifferences();
});

test("an API that is cut short tells its callers, and no call goes on", async () => {
  const stopped = await fleet.startApi();
  gpu.setFault({ type: "hang" });
  const asked = [true, false].map((stream) => ask(stopped, { key, stream }));
  await eventually(() => expect(gpu.counters().running).toBe(2), SOON_MS);
  await insist(stopped);
  const expectStopped = watchAborts("API cut short");
  for (const answer of await Promise.all(asked)) {
    expect(answer.status).toBe(503);
    expect(errorOf(answer)).toMatchObject({ code: "unavailable" });
  }
  await expectStopped(2);
  expect(await stopped.ended).toMatchObject({ code: 0, signal: null });
  await expectNoDifferences();
});

/** Sends two signals, the second one later than the copy that a terminal sends. */
async function insist(stopped: Pick<ApiProcess, "child" | "stderr">): Promise<void> {
  stopped.child.kill("SIGTERM");
  await eventually(() => expect(stopped.stderr()).toContain("Stopping"), SOON_MS);
  await new Promise((resolve) => setTimeout(resolve, 700));
  stopped.child.kill("SIGTERM");
}

test("workers stopped under load finish or give back what they run: no caller sees an error", async () => {
  const callers = 12;
  const over = new AbortController();
  const answers: Answer[] = [];
  // However long the stops take, there is load until the last one.
  const load = Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let turn = 0; !over.signal.aborted; turn += 1) {
        const stream = (caller + turn) % 2 === 0;
        answers.push(await ask(api, { key, stream, content: "[sim output=12]", maxTokens: 12 }));
      }
    }),
  );
  await eventually(() => expect(answers.length).toBeGreaterThan(4), SOON_MS);
  const second = await fleet.startWorker();
  worker.child.kill("SIGTERM");
  expect(await worker.ended).toMatchObject({ code: 0, signal: null });
  worker = await fleet.lasting.startWorker();
  second.child.kill("SIGTERM");
  expect(await second.ended).toMatchObject({ code: 0, signal: null });
  over.abort();
  await load;
  for (const answer of answers) {
    expect(answer.status).toBe(200);
    expect(answer.text).toContain("tok11");
  }
  expect(answers.length).toBeGreaterThan(callers);
  await expectNoDifferences();
});

test("a worker that is cut short gives its calls back, and another one runs them", async () => {
  gpu.setFault({ type: "hang" });
  const asked = [true, false].map((stream) => ask(api, { key, stream }));
  await eventually(() => expect(gpu.counters().running).toBe(2), SOON_MS);
  gpu.setFault(null);
  await fleet.startWorker();
  await insist(worker);
  expect(await worker.ended).toMatchObject({ code: 0, signal: null });
  for (const answer of await Promise.all(asked)) {
    expect(answer.status).toBe(200);
    expect(answer.text).toContain("tok3");
  }
  await expectNoDifferences();
});
