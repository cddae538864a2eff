import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, contentOf, type Answer } from "../broker/ask.ts";
import type { CommandProcess } from "../process/broker-process.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";

/** There are more requests when the faults take longer than these. */
const REQUESTS = 200;
const CONCURRENCY = 24;
const SLOTS = 4;
const KILL_EVERY_MS = 2_500;
/** After this many workers, the second API is killed as well. */
const KILLS = 4;
const FROZEN_MS = 12_000;

/** With a given seed, a run repeats the choices of an earlier one. */
const seed = Number(process.env["SPILLWAY_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  const provider = { slots: SLOTS, ttftMs: 100, tokensPerSecond: 60 };
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { "gpu-a": provider, "gpu-b": provider },
    models:
      "  chat: { serve: [{ provider: gpu-a, model: a }, { provider: gpu-b, model: b }], max_attempts: 10 }",
  });
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
  await database.drop();
});

function textOf(index: number): string {
  return `[sim echo] request ${index} has an answer of its own`;
}

/** The number is between 0 and 1. */
function randomOf(index: number): number {
  return createHash("sha256").update(`${seed} ${index}`).digest().readUInt32BE() / 2 ** 32;
}

interface SentRequest {
  readonly index: number;
  readonly api: number;
  readonly stream: boolean;
  /** It is undefined when the connection died before an answer. */
  readonly answer: Answer | undefined;
}

test("200 requests over two APIs while workers are killed and frozen, and an API is killed once", async () => {
  console.log(`SPILLWAY_TEST_SEED=${seed}`);
  const [apis, workers]: [ApiProcess[], CommandProcess[]] = await Promise.all([
    Promise.all([fleet.startApi(), fleet.startApi()]),
    Promise.all([fleet.startWorker(), fleet.startWorker(), fleet.startWorker()]),
  ]);
  const key = await fleet.key({ budget: { limit_usd: "50", period: "total" } });
  const asked: SentRequest[] = [];
  let next = 0;
  const faultsOver = new AbortController();
  const askOne = async (index: number): Promise<void> => {
    const api = index % 2;
    const stream = index % 3 === 0;
    const server = apis[api];
    if (server === undefined) throw new Error("no such API");
    const content = textOf(index);
    const answer = await ask(server, { key, stream, content, maxTokens: 50 }).catch(
      () => undefined,
    );
    asked.push({ index, api, stream, answer });
    // The API is just starting again.
    if (answer === undefined) await sleep(500);
  };
  const load = Promise.all(
    Array.from({ length: CONCURRENCY }, async () => {
      while (next < REQUESTS || !faultsOver.signal.aborted) await askOne(next++);
    }),
  );

  const freeze = async (): Promise<void> => {
    await sleep(1_500);
    const [worker] = workers;
    worker?.child.kill("SIGSTOP");
    await sleep(FROZEN_MS);
    worker?.child.kill("SIGCONT");
  };
  /** Returns the number of answers at which the second API was killed. */
  const kill = async (): Promise<number> => {
    for (let kills = 0; kills < KILLS; kills++) {
      await sleep(KILL_EVERY_MS);
      // The first worker is frozen for some of the time, so it is not killed.
      const killed = 1 + Math.floor(randomOf(kills) * 2);
      workers[killed]?.child.kill("SIGKILL");
      workers[killed] = await fleet.startWorker();
    }
    const answers = asked.length;
    apis[1]?.child.kill("SIGKILL");
    apis[1] = await fleet.startApi();
    return answers;
  };
  const [apiKilledAt] = await Promise.all([kill(), freeze()]).finally(() => faultsOver.abort());
  await load;
  console.log(`answers by status: ${byStatus(asked)}`);
  expect(asked.length).toBeGreaterThanOrEqual(REQUESTS);
  expect(asked).toHaveLength(next);

  for (const { index, api, answer } of asked) {
    if (answer === undefined || answer.broke) {
      expect(api, `request ${index} lost its connection`).toBe(1);
      continue;
    }
    // An answer that had begun to arrive when its worker died cannot start again.
    if (answer.status === 200 && !isWhole(answer)) {
      expect(answer.text).toContain('"code":"answer_lost"');
      continue;
    }
    if (answer.status === 502) {
      expect(answer.text).toContain('"code":"answer_lost"');
      continue;
    }
    expect(answer.status, `request ${index}: ${answer.text}`).toBe(200);
    expect(contentOf(answer)).toBe(textOf(index));
  }
  expect(apiKilledAt).toBeGreaterThan(0);
  const { upstreams } = fleet;
  await eventually(
    async () => {
      expect(await findDifferences({ database: fleet.database, upstreams })).toEqual([]);
    },
    30_000,
    250,
  );
  for (const upstream of Object.values(upstreams))
    expect(upstream.counters().highWater).toBeLessThanOrEqual(SLOTS);
});

function isWhole({ headers, text }: Answer): boolean {
  const isStream = headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  return !isStream || text.endsWith("data: [DONE]\n\n");
}

function byStatus(asked: readonly SentRequest[]): string {
  const counts = new Map<string, number>();
  for (const { answer } of asked) {
    const status =
      answer === undefined || answer.broke
        ? "no answer"
        : answer.status === 200 && !isWhole(answer)
          ? "200, cut"
          : String(answer.status);
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return JSON.stringify(Object.fromEntries(counts));
}
