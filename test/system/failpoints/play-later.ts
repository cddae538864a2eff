import { afterAll, beforeAll, test, vi } from "vitest";
import { expectTold } from "./expect-told.ts";
import { outliveDeclaredDeath } from "./frozen.ts";
import { FleetPool } from "./fleet-pool.ts";
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

  let fleets: FleetPool;
  beforeAll(async () => {
    fleets = await FleetPool.open({ apis: 2, workers: 1 });
  });
  afterAll(async () => {
    await fleets.close();
  });

  const stopped = workerPoints.flatMap((point) => {
    const expected = frozen[point];
    return expected === undefined ? [] : [{ point, expected }];
  });

  // Frozen cases come first: each leaves a living harmed process that a later case uses.
  test.for(stopped)("frozen $point", async ({ point, expected }) => {
    await fleets.use(async (fleet) => {
      await playWorker(fleet, point, expected, async (harmed) => {
        await fleet.startWorkers();
        await outliveDeclaredDeath(fleet, harmed);
      });
      await expectTold(fleet);
    });
  });

  test.for(killed)("killed $point", async ({ point, expected }) => {
    await fleets.use(async (fleet) => {
      await playWorker(fleet, point, expected, (harmed) => harmed.kill());
      await expectTold(fleet);
    });
  });
}
