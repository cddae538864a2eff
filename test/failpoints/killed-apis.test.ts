import { afterAll, beforeAll, describe, test, vi } from "vitest";
import { killedApi } from "./api-cases.ts";
import { LanePool } from "./lane-pool.ts";
import { playApi } from "./play-api.ts";
import { ownerPoints } from "./points.ts";

// They mostly wait, for beats that stand still and for sweeps.
vi.setConfig({ maxConcurrency: 6 });

let lanes: LanePool;
beforeAll(async () => {
  lanes = await LanePool.open({ apis: 1, workers: 2 });
});
afterAll(async () => {
  await lanes.close();
});

const cases = ownerPoints.flatMap((point) =>
  [killedApi[point]].flat().map((expected) => ({ point, expected })),
);

describe.concurrent("an API that dies leaves no job and no hold behind", () => {
  test.for(cases)("$point", async ({ point, expected }) => {
    await lanes.use((lane) => playApi(lane, point, expected, (victim) => victim.kill()));
  });
});
