import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { casesOf } from "./cases-of.ts";
import { FleetPool } from "./fleet-pool.ts";
import { orderOfWorker } from "./order.ts";
import { playWorker } from "./play-worker.ts";
import { fleetPoints } from "./points.ts";
import { killedInFleet } from "./worker-cases.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let fleets: FleetPool;
beforeAll(async () => {
  fleets = await FleetPool.open({ apis: 2, workers: 1 });
});
afterAll(async () => {
  await fleets.close();
});

const cases = casesOf(fleetPoints, killedInFleet, orderOfWorker);

describe.concurrent("a worker that dies while it cares for the fleet leaves that to the others", () => {
  test.for(cases)("$point", async ({ point, expected }) => {
    await fleets.use((fleet) => playWorker(fleet, point, expected, (harmed) => harmed.kill()));
  });
});
