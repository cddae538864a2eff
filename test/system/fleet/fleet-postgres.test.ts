import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, type Answer } from "../broker/ask.ts";
import { SeededRandom } from "../../chaos/seeded-random.ts";
import { endSessions } from "../../chaos/terminations/end-sessions.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestPostgres, type TestPostgres } from "../../support/postgres-server.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";
import { echo, problemOf } from "./load.ts";

const SLOTS = 2;
/** More than there are slots at both providers. */
const CALLERS = 8;
/** This is longer than any timeout of a session, and than the rest of a lost worker's slots. */
const STOPPED_MS = 8_000;
/** This is longer than any timeout of a statement as well. */
const FROZEN_MS = 12_000;

let postgres: TestPostgres;
let redis: TestRedis;
let fleet: Fleet;
let apis: ApiProcess[];
let processes: readonly CommandProcess[];
let key: string;
beforeAll(async () => {
  postgres = await startTestPostgres();
  redis = await startTestRedis();
  const provider = { slots: SLOTS, ttftMs: 100, tokensPerSecond: 40 };
  fleet = await startFleet({
    databaseUrl: postgres.url,
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
  await postgres.stop();
});

interface SteadyLoad {
  /**
   * Ends the load. Returns every answer by its request's number; undefined when the connection
   * died.
   */
  stop(): Promise<Map<number, Answer | undefined>>;
  /** Counts the whole, right answers so far. */
  right(): number;
}

/** Each caller asks again after each answer. */
function askSteadily(name: string): SteadyLoad {
  const answers = new Map<number, Answer | undefined>();
  let next = 0;
  let right = 0;
  const stopped = new AbortController();
  const callers = Array.from({ length: CALLERS }, async (_, caller) => {
    const { baseUrl = "" } = apis[caller % apis.length] ?? {};
    while (!stopped.signal.aborted) {
      const index = next++;
      const answer = await ask(
        { baseUrl },
        { key, stream: index % 3 === 0, content: echo(name, index), maxTokens: 50 },
      ).catch(() => undefined);
      answers.set(index, answer);
      if (problemOf(answer, index, name) === undefined) right++;
      else await sleep(500);
    }
  });
  return {
    right: () => right,
    async stop() {
      stopped.abort();
      await Promise.all(callers);
      return answers;
    },
  };
}

/** A caller may get these errors while PostgreSQL is away; a wrong answer is not among them. */
const honest = /"code":"(unavailable|answer_lost|cancelled|deadline_exceeded|upstream_failed)"/;

async function survives(name: string, outage: () => Promise<void>): Promise<void> {
  const load = askSteadily(name);
  await eventually(() => expect(load.right()).toBeGreaterThan(CALLERS));
  await outage();
  const before = load.right();
  // The service returns by itself.
  await eventually(() => expect(load.right()).toBeGreaterThan(before + 2 * CALLERS));
  const answers = await load.stop();
  for (const [index, answer] of answers) {
    const problem = problemOf(answer, index, name);
    if (problem !== undefined) expect(problem).toMatch(honest);
  }
  const { upstreams } = fleet;
  await eventually(
    async () => {
      expect(await findDifferences({ database: fleet.database, upstreams })).toEqual([]);
    },
    30_000,
    200,
  );
}

test("every session terminated, twice", async () => {
  await survives("terminated", async () => {
    for (let times = 0; times < 2; times++) {
      await postgres.terminateSessions("spillway%");
      await sleep(1_500);
    }
  });
});

// `npm run chaos -- terminations` does the same thousands of times.
test("sixty sessions terminated one by one, in every state", async () => {
  await survives("one by one", async () => {
    await endSessions({
      pool: fleet.database.pool,
      random: new SeededRandom(1),
      count: 60,
      perSecond: 100,
      signal: new AbortController().signal,
    });
  });
  for (const { child, stdout } of processes) {
    expect(child.exitCode ?? child.signalCode).toBeNull();
    expect(stdout()).not.toContain("nobody handled");
  }
});

test("PostgreSQL stopped for 8 s", async () => {
  await survives("stopped", async () => {
    await postgres.stopServer();
    await sleep(STOPPED_MS);
    await postgres.startServer();
  });
});

test("PostgreSQL frozen for 12 s", async () => {
  await survives("frozen", async () => {
    await postgres.freeze();
    await sleep(FROZEN_MS);
    await postgres.thaw();
  });
});
