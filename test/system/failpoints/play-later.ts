import { afterAll, beforeAll, test, vi } from "vitest";
import { expectTold } from "./expect-told.ts";
import { outliveDeclaredDeath } from "./frozen.ts";
import { LanePool } from "./lane-pool.ts";
import { playWorker } from "./play-worker.ts";
import { workerPoints, type WorkerPoint } from "./points.ts";
import type { WorkerCase } from "./worker-cases.ts";

interface LaterCases {
  readonly killed: readonly { readonly point: WorkerPoint; readonly expected: WorkerCase }[];
  /** The worker stands still until the others declare it dead, and then goes on. */
  readonly frozen: Readonly<Partial<Record<WorkerPoint, WorkerCase>>>;
}

/**
 * Defines the tests of jobs that nobody waits for on a connection: a worker dies or stands still,
 * and others go on.
 */
export function playLater({ killed, frozen }: LaterCases): void {
  // The tests mostly wait: for beats that stand still, and for sweeps.
  vi.setConfig({ maxConcurrency: 5 });

  let lanes: LanePool;
  beforeAll(async () => {
    lanes = await LanePool.open({ apis: 2, workers: 1 });
  });
  afterAll(async () => {
    await lanes.close();
  });

  const stopped = workerPoints.flatMap((point) => {
    const expected = frozen[point];
    return expected === undefined ? [] : [{ point, expected }];
  });

  // Frozen cases come first: each leaves a living victim that a later case uses.
  test.for(stopped)("frozen $point", async ({ point, expected }) => {
    await lanes.use(async (lane) => {
      await playWorker(lane, point, expected, async (victim) => {
        await lane.startWorkers();
        await outliveDeclaredDeath(lane, victim);
      });
      await expectTold(lane);
    });
  });

  test.for(killed)("killed $point", async ({ point, expected }) => {
    await lanes.use(async (lane) => {
      await playWorker(lane, point, expected, (victim) => victim.kill());
      await expectTold(lane);
    });
  });
}
