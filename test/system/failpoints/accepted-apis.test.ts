import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { expectRest } from "./expect-rest.ts";
import { expectTold } from "./expect-told.ts";
import { killedAccepting, killedHost } from "./host-cases.ts";
import { LanePool } from "./lane-pool.ts";
import { hostPoints, ownerPoints } from "./points.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let lanes: LanePool;
beforeAll(async () => {
  lanes = await LanePool.open({ apis: 1, workers: 1 });
});
afterAll(async () => {
  await lanes.close();
});

const cases = [
  ...hostPoints.map((point) => ({ point, scenario: killedHost[point] })),
  ...ownerPoints.flatMap((point) => {
    const scenario = killedAccepting[point];
    return scenario === undefined ? [] : [{ point, scenario }];
  }),
];

describe.concurrent("what an API has accepted goes on without it, and comes once", () => {
  test.for(cases)("$point", async ({ point, scenario }) => {
    await lanes.use(async (lane) => {
      const { victim, check } = await scenario(lane, point);
      await victim.reached();
      await victim.kill();
      expect(victim.unnamed, "steps without a point").toEqual([]);
      await lane.startWorkers();
      await check();
      await expectRest(lane);
      await expectTold(lane);
    });
  });
});
