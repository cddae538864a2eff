import { listOpenLines } from "../../shared/batches/open-lines.ts";
import type { Database } from "../../shared/db/database.ts";
import { NO_OWNER } from "../../shared/contracts/reply.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { endJob } from "../../shared/jobs/end-job.ts";

export interface StopDeps {
  readonly database: Pick<Database, "pool" | "end">;
  readonly reply: ReplySender;
  /** Stops a job that this worker runs; others look for such requests themselves. */
  readonly stop: (job: string, reason: string) => void;
}

/** More jobs than a batch runs at once. */
const PAGE = 2_000;
const CODE = "cancel";

/** Asks the jobs of a batch to end: waiting jobs end now, running jobs are stopped. */
export async function stopLines(deps: StopDeps, batch: string): Promise<void> {
  const jobs = await listOpenLines(deps.database.pool, batch, PAGE);
  await Promise.all(jobs.map((job) => stopJob(deps, job)));
}

async function stopJob(deps: StopDeps, job: string): Promise<void> {
  const end = { job, place: null, state: "cancelled", code: CODE, owner: NO_OWNER } as const;
  const { verdict } = await endJob(deps, end);
  if (verdict === "running") deps.stop(job, CODE);
}
