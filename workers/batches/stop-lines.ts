import { listOpenLines } from "../../shared/batches/open-lines.ts";
import type { Database } from "../../shared/db/database.ts";
import { NO_OWNER } from "../../shared/replies/accepted-replies.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { endError } from "../attempts/end-error.ts";

export interface StopDeps {
  readonly database: Pick<Database, "pool" | "end">;
  readonly reply: ReplySender;
  /** Stops a job that this worker runs; others look for such requests themselves. */
  readonly stop: (job: string, reason: string) => void;
}

/** More than run at once. */
const PAGE = 2_000;
const CODE = "cancel";

/** Asks the jobs of a batch to end: what waits ends now, what runs is stopped. */
export async function stopLines(deps: StopDeps, batch: string): Promise<void> {
  const jobs = await listOpenLines(deps.database.pool, batch, PAGE);
  await Promise.all(jobs.map((job) => stopJob(deps, job)));
}

async function stopJob({ database, reply, stop }: StopDeps, job: string): Promise<void> {
  const asked = { job, place: null, state: "cancelled", code: CODE } as const;
  const { verdict } = await database.end.submit(asked);
  if (verdict === "running") stop(job, CODE);
  else if (verdict === "ended") {
    const error = endError(asked.state);
    await reply.notify(NO_OWNER, job, { type: "end", state: asked.state, error });
  }
}
