import { expect, test } from "vitest";
import { ask } from "../broker/ask.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import { statementRate } from "../../support/statement-rate.ts";
import { startFleet } from "./fleet.ts";

/**
 * Two leases beat; API and worker each read how providers and processes are, and the worker looks
 * at its slots and for work. With work at hand they send more than thirty.
 */
const MOST_STATEMENTS_A_SECOND = 12;
/** Statements of the start are counted late, by up to ten seconds. */
const UNTIL_IDLE_MS = 60_000;

test("an idle fleet asks for little, and answers at once", async () => {
  await using resources = new AsyncDisposableStack();
  const database = await createTestDatabase();
  resources.defer(() => database.drop());
  const redis = await startTestRedis();
  resources.defer(() => redis.stop());
  const fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { gpu: { slots: 4 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
  resources.defer(() => fleet.stop());
  const [api] = await Promise.all([fleet.startApi(), fleet.startWorker()]);
  const key = await fleet.key();
  await eventually(async () => {
    expect(await statementRate(fleet.database.pool)).toBeLessThan(MOST_STATEMENTS_A_SECOND);
  }, UNTIL_IDLE_MS);
  expect((await ask(api, { key })).status).toBe(200);
});
