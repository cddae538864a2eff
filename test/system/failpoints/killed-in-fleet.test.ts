import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { casesOf } from "./cases-of.ts";
import { LanePool } from "./lane-pool.ts";
import { orderOfWorker } from "./order.ts";
import { playWorker } from "./play-worker.ts";
import { fleetPoints } from "./points.ts";
import { killedInFleet } from "./worker-cases.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let lanes: LanePool;
beforeAll(async () => {
  lanes = await LanePool.open({ apis: 2, workers: 1 });
});
afterAll(async () => {
  await lanes.close();
});

const cases = casesOf(fleetPoints, killedInFleet, orderOfWorker);

describe.concurrent("a worker that dies while it cares for the fleet leaves that to the others", () => {
  test.for(cases)("$point", async ({ point, expected }) => {
    await lanes.use((lane) => playWorker(lane, point, expected, (victim) => victim.kill()));
  });
});
