import { expect, test } from "vitest";
import { createTestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startFleet } from "./fleet.ts";

test("an idle API and an idle worker end in order while Redis is away", async () => {
  const database = await createTestDatabase();
  const redis = await startTestRedis();
  const fleet = await startFleet({
    databaseUrl: database.url,
    redisUrl: redis.url,
    providers: { gpu: { slots: 2 } },
    models: "  chat: { serve: [{ provider: gpu, model: m }] }",
  });
  const processes = [await fleet.startApi(), await fleet.startWorker()];
  await redis.kill();
  for (const { child } of processes) child.kill("SIGTERM");
  for (const { ended } of processes) expect(await ended).toMatchObject({ code: 0, signal: null });
  await fleet.stop();
  await redis.stop();
  await database.drop();
});
