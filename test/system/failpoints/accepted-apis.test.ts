import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { expectRest } from "./expect-rest.ts";
import { expectTold } from "./expect-told.ts";
import { killedAccepting, killedHost } from "./host-cases.ts";
import { FleetPool } from "./fleet-pool.ts";
import { hostPoints, ownerPoints } from "./points.ts";

// The tests mostly wait: for beats that stand still, and for sweeps.
vi.setConfig({ maxConcurrency: 5 });

let fleets: FleetPool;
beforeAll(async () => {
  fleets = await FleetPool.open({ apis: 1, workers: 1 });
});
afterAll(async () => {
  await fleets.close();
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
    await fleets.use(async (fleet) => {
      const { harmed, check } = await scenario(fleet, point);
      await harmed.reached();
      await harmed.kill();
      expect(harmed.unnamed, "steps without a point").toEqual([]);
      await fleet.startWorkers();
      await check();
      await expectRest(fleet);
      await expectTold(fleet);
    });
  });
});
