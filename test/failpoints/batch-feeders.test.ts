import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { casesOf } from "./cases-of.ts";
import { expectTold } from "./expect-told.ts";
import { outliveBurial } from "./frozen.ts";
import { LanePool } from "./lane-pool.ts";
import { frozenFeeder, killedFeeder, killedRunOfBatch } from "./batch-cases.ts";
import { orderOfWorker } from "./order.ts";
import { playWorker } from "./play-worker.ts";
import { feederPoints, runPoints, workerPoints } from "./points.ts";

// They mostly wait, for beats that stand still and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let lanes: LanePool;
beforeAll(async () => {
  lanes = await LanePool.open({ apis: 2, workers: 1 });
});
afterAll(async () => {
  await lanes.close();
});

const killed = [
  ...casesOf(feederPoints, killedFeeder, orderOfWorker),
  ...casesOf(runPoints, killedRunOfBatch, orderOfWorker),
];
const frozen = workerPoints.flatMap((point) => {
  const expected = frozenFeeder[point];
  return expected === undefined ? [] : [{ point, expected }];
});

describe.concurrent("a batch has each line once whatever becomes of its feeder", () => {
  test.for(killed)("killed $point", async ({ point, expected }) => {
    await lanes.use(async (lane) => {
      await playWorker(lane, point, expected, (victim) => victim.kill());
      await expectTold(lane);
    });
  });

  test.for(frozen)("frozen $point", async ({ point, expected }) => {
    await lanes.use(async (lane) => {
      await playWorker(lane, point, expected, async (victim) => {
        await lane.startWorkers();
        await outliveBurial(lane, victim);
      });
      await expectTold(lane);
    });
  });
});
