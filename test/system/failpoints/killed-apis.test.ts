import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { killedApi } from "./api-cases.ts";
import { casesOf } from "./cases-of.ts";
import { FleetPool } from "./fleet-pool.ts";
import { orderOfApi } from "./order.ts";
import { playApi } from "./play-api.ts";
import { ownerPoints } from "./points.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let fleets: FleetPool;
beforeAll(async () => {
  fleets = await FleetPool.open({ apis: 1, workers: 2 });
});
afterAll(async () => {
  await fleets.close();
});

const cases = casesOf(ownerPoints, killedApi, orderOfApi);

describe.concurrent("an API that dies leaves no job and no hold behind", () => {
  test.for(cases)("$point", async ({ point, expected }) => {
    await fleets.use((fleet) => playApi(fleet, point, expected, (harmed) => harmed.kill()));
  });
});
