import { afterAll, beforeAll, expect, test } from "vitest";
import { ask, contentOf, errorOf } from "../broker/ask.ts";
import { findDifferences } from "../../support/checker.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase, type TestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startFleet, type ApiProcess, type Fleet } from "./fleet.ts";

const CALLERS = 500;
const AFFORDABLE = 10;
const MAX_TOKENS = 4;
/**
 * Output costs $1 per million tokens and input nothing, so a request costs all that was held for
 * it.
 */
const REQUEST_NANOS = MAX_TOKENS * 1_000;
const LIMIT_NANOS = AFFORDABLE * REQUEST_NANOS;

let database: TestDatabase;
let redis: TestRedis;
let fleet: Fleet;
beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { gpu: { slots: 8 } },
    models: "  chat: { serve: [{ provider: gpu, model: m, price: { input: 0, output: 1 } }] }",
  });
});
afterAll(async () => {
  await fleet.stop();
  await redis.stop();
  await database.drop();
});

/** All callers ask at once, in turn at each API; the result counts them by status. */
async function race(apis: readonly ApiProcess[], key: string): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {};
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      const api = apis[caller % apis.length];
      if (api === undefined) throw new Error("no API");
      const answer = await ask(api, { key, stream: caller % 3 === 0, maxTokens: MAX_TOKENS });
      statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
      if (answer.status === 200) expect(contentOf(answer)).toBe("tok0 tok1 tok2 tok3");
      else expect(errorOf(answer)).toMatchObject({ code: "insufficient_quota" });
    }),
  );
  return statuses;
}

/** Compares the keys' budgets with the ledger, in the order in which the keys were made. */
async function spent(): Promise<unknown[]> {
  const { rows } = await fleet.database.pool.query(
    `select p.settled_nanos::float8 as settled, p.held_nanos::float8 as held,
       (select sum(l.cost_nanos) from ledger l where l.key_id = k.id)::float8 as ledger,
       (select count(*) from ledger l where l.key_id = k.id)::integer as rows,
       (select count(*) from jobs j where j.key_id = k.id)::integer as jobs
     from keys k join budgets b on b.key_id = k.id join budget_periods p on p.budget_id = b.id
     order by k.created_at`,
  );
  return rows;
}

test("a budget for 10 requests serves exactly 10 of 500 callers over two APIs, whether or not they know the key", async () => {
  const apis = await Promise.all([fleet.startApi(), fleet.startApi()]);
  await Promise.all([fleet.startWorker(), fleet.startWorker()]);
  const budget = { limit_usd: (LIMIT_NANOS * 1e-9).toFixed(6), period: "total" };
  const allSpent = {
    settled: LIMIT_NANOS,
    held: 0,
    ledger: LIMIT_NANOS,
    rows: AFFORDABLE,
    jobs: AFFORDABLE,
  };
  const exactly = { 200: AFFORDABLE, 402: CALLERS - AFFORDABLE };

  const unseen = await fleet.key({ budget });
  expect(await race(apis, unseen)).toEqual(exactly);

  const known = await fleet.key({ budget });
  for (const api of apis) {
    const models = await fetch(`${api.baseUrl}/models`, {
      headers: { authorization: `Bearer ${known}` },
    });
    expect(models.status).toBe(200);
  }
  expect(await race(apis, known)).toEqual(exactly);

  await eventually(async () => expect(await spent()).toEqual([allSpent, allSpent]));
  expect(fleet.upstreams["gpu"]?.counters()).toMatchObject({ calls: 20, ok: 20 });
  await eventually(async () => expect(await findDifferences(fleet)).toEqual([]));
});
