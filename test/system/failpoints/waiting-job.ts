import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { eventually } from "../../support/eventually.ts";
import type { SurvivingFleet } from "./surviving-fleet.ts";

/** The job waits, since no worker runs. */
export interface WaitingJob {
  readonly id: string;
  readonly provider: string;
  readonly place: number;
}

/** Returns the fleet's only waiting job, as soon as its entry is in the queue. */
export async function findWaitingJob({ database, queues }: SurvivingFleet): Promise<WaitingJob> {
  return await eventually(async () => {
    const { rows } = await database.pool.query<WaitingJob>(
      "select id, provider, place from jobs where state = 'waiting'",
    );
    expect(rows).toHaveLength(1);
    const [job] = rows;
    if (job === undefined || !(await queues.has(job.provider, job.id, job.place)))
      throw new Error("no entry yet");
    return job;
  });
}

/** Takes the job's entry away, as a queue may lose it, and lets no sweeper look for an hour. */
export async function loseEntry(
  { database, queues }: SurvivingFleet,
  job: WaitingJob,
): Promise<void> {
  await database.pool.query("update jobs set wake_at = now() + interval '1 h' where id = $1", [
    job.id,
  ]);
  await queues.remove(job.provider, job.id, job.place);
}

/** Lets that hour pass. */
export async function passTheHour({ database }: SurvivingFleet): Promise<void> {
  await database.pool.query(
    `update jobs set wake_at = now()
     where state = 'waiting' and wake_at > now() + interval '10 min'`,
  );
}

/** Claims the job for a worker that is gone. */
export async function claimAsDeadWorker(fleet: SurvivingFleet, job: WaitingJob): Promise<void> {
  const { id, provider, place } = job;
  const row = await fleet.database.claim.submit({
    job: id,
    place,
    provider,
    nonce: randomUUID(),
    worker: "worker_gone",
  });
  expect(row.verdict).toBe("claimed");
}
