import { expect } from "vitest";
import { expectRest } from "./expect-rest.ts";
import { orderOfWorker } from "./order.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";
import type { WorkerPoint } from "./points.ts";
import type { HarmedProcess } from "./harmed-process.ts";
import { passTheHour } from "./waiting-job.ts";
import type { WorkerCase } from "./worker-cases.ts";

/** Brings a worker to a point, harms it there, and checks what became of every job. */
export async function playWorker(
  fleet: SurvivingFleet,
  point: WorkerPoint,
  { scenario, about = "", ends, attempts }: WorkerCase,
  harm: (harmed: HarmedProcess) => Promise<void>,
): Promise<void> {
  const { harmed, asks, atStake, repair } = await scenario(fleet, point, about);
  const { jobs, passed } = await harmed.reached();
  expect(passed).toEqual(expect.arrayContaining([...(orderOfWorker[point] ?? [])]));
  if (atStake === "named") expect(jobs, "jobs of the step").not.toEqual([]);
  await harm(harmed);
  await repair?.();
  fleet.upstreams["gpu-a"]?.setFault(null);
  await fleet.startWorkers();
  await passTheHour(fleet);
  for (const { job = "", ending } of await Promise.all(asks)) {
    const isAtStake = atStake === "all" || jobs.includes(job);
    expect(isAtStake ? ends : ["answer"]).toContain(ending);
    if (isAtStake)
      expect(attempts, `attempts of ${job}`).toContain(await countAttempts(fleet, job));
  }
  expect(harmed.unnamed, "steps without a point").toEqual([]);
  await expectRest(fleet);
}

async function countAttempts({ database }: SurvivingFleet, job: string): Promise<number> {
  const { rows } = await database.pool.query<{ attempts: number }>(
    "select count(*)::integer as attempts from ledger where job_id = $1",
    [job],
  );
  return rows[0]?.attempts ?? 0;
}
