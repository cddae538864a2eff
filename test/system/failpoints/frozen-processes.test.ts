import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { frozenApi } from "./api-cases.ts";
import { outliveDeclaredDeath } from "./frozen.ts";
import { LanePool } from "./lane-pool.ts";
import { playApi } from "./play-api.ts";
import { playWorker } from "./play-worker.ts";
import { apiPoints, workerPoints } from "./points.ts";
import { frozenWorker } from "./worker-cases.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let lanes: LanePool;
beforeAll(async () => {
  lanes = await LanePool.open({ apis: 2, workers: 1 });
});
afterAll(async () => {
  await lanes.close();
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
    await lanes.use((lane) =>
      playWorker(lane, point, expected, async (victim) => {
        await lane.startWorkers();
        await outliveDeclaredDeath(lane, victim);
      }),
    );
  });

  test.for(apiCases)("an API $point", async ({ point, expected }) => {
    await lanes.use((lane) =>
      playApi(lane, point, expected, (victim) => outliveDeclaredDeath(lane, victim)),
    );
  });
});
