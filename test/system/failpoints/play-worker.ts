import { expect } from "vitest";
import { expectRest } from "./expect-rest.ts";
import { orderOfWorker } from "./order.ts";
import type { Lane } from "./lane.ts";
import type { WorkerPoint } from "./points.ts";
import type { Victim } from "./victim.ts";
import { passTheHour } from "./waiting-job.ts";
import type { WorkerCase } from "./worker-cases.ts";

/** Brings a worker to a point, harms it there, and checks what became of every job. */
export async function playWorker(
  lane: Lane,
  point: WorkerPoint,
  { scenario, about = "", ends, attempts }: WorkerCase,
  harm: (victim: Victim) => Promise<void>,
): Promise<void> {
  const { victim, asks, atStake, repair } = await scenario(lane, point, about);
  const { jobs, passed } = await victim.reached();
  expect(passed).toEqual(expect.arrayContaining([...(orderOfWorker[point] ?? [])]));
  if (atStake === "named") expect(jobs, "jobs of the step").not.toEqual([]);
  await harm(victim);
  await repair?.();
  lane.upstreams["gpu-a"]?.setFault(null);
  await lane.startWorkers();
  await passTheHour(lane);
  for (const { job = "", ending } of await Promise.all(asks)) {
    const isAtStake = atStake === "all" || jobs.includes(job);
    expect(isAtStake ? ends : ["answer"]).toContain(ending);
    if (isAtStake) expect(attempts, `attempts of ${job}`).toContain(await countAttempts(lane, job));
  }
  expect(victim.unnamed, "steps without a point").toEqual([]);
  await expectRest(lane);
}

async function countAttempts({ database }: Lane, job: string): Promise<number> {
  const { rows } = await database.pool.query<{ attempts: number }>(
    "select count(*)::integer as attempts from ledger where job_id = $1",
    [job],
  );
  return rows[0]?.attempts ?? 0;
}
