import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { casesOf } from "./cases-of.ts";
import { LanePool } from "./lane-pool.ts";
import { orderOfWorker } from "./order.ts";
import { playWorker } from "./play-worker.ts";
import { runPoints } from "./points.ts";
import { killedInRun } from "./worker-cases.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let lanes: LanePool;
beforeAll(async () => {
  lanes = await LanePool.open({ apis: 2, workers: 1 });
});
afterAll(async () => {
  await lanes.close();
});

const cases = casesOf(runPoints, killedInRun, orderOfWorker);

describe.concurrent("a worker that dies while it runs a job costs an attempt at most, and says so if it costs an answer", () => {
  test.for(cases)("$point", async ({ point, expected }) => {
    await lanes.use((lane) => playWorker(lane, point, expected, (victim) => victim.kill()));
  });
});
