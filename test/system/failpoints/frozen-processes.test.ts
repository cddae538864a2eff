import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { frozenApi } from "./api-cases.ts";
import { outliveDeclaredDeath } from "./frozen.ts";
import { FleetPool } from "./fleet-pool.ts";
import { playApi } from "./play-api.ts";
import { playWorker } from "./play-worker.ts";
import { apiPoints, workerPoints } from "./points.ts";
import { frozenWorker } from "./worker-cases.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let fleets: FleetPool;
beforeAll(async () => {
  fleets = await FleetPool.open({ apis: 2, workers: 1 });
});
afterAll(async () => {
  await fleets.close();
});

const workerCases = workerPoints.flatMap((point) => {
  const expected = frozenWorker[point];
  return expected === undefined ? [] : [{ point, expected }];
});
const apiCases = apiPoints.flatMap((point) => {
  const expected = frozenApi[point];
  return expected === undefined ? [] : [{ point, expected }];
});

describe.concurrent("who stands still longer than its lease, and goes on, harms nobody", () => {
  test.for(workerCases)("a worker $point", async ({ point, expected }) => {
    await fleets.use((fleet) =>
      playWorker(fleet, point, expected, async (harmed) => {
        await fleet.startWorkers();
        await outliveDeclaredDeath(fleet, harmed);
      }),
    );
  });

  test.for(apiCases)("an API $point", async ({ point, expected }) => {
    await fleets.use((fleet) =>
      playApi(fleet, point, expected, (harmed) => outliveDeclaredDeath(fleet, harmed)),
    );
  });
});
