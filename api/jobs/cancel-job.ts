import type { Database } from "../../shared/db/database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { readJob, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import type { StopRequests } from "../../shared/reply/stop-requests.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { awaitEnd } from "./await-end.ts";
import type { FollowDeps } from "./follow-job.ts";

export interface CancelDeps extends FollowDeps {
  readonly database: FollowDeps["database"] & Pick<Database, "end">;
  readonly stops: StopRequests;
  /** How long a worker may take to confirm. */
  readonly confirmMs: number;
}

const CODE = "cancel";

/**
 * Asks an accepted job to end, and tells what became of it: the statement decides, and a job that got
 * done meanwhile is done. One whose worker does not confirm in time is still shown as it is.
 */
export async function cancelJob(
  deps: CancelDeps,
  id: string,
  gone: AbortSignal,
): Promise<AcceptedJob> {
  const asked = { job: id, place: null, state: "cancelled", code: CODE } as const;
  const row = await askDatabase(() => deps.database.end.submit(asked));
  if (row.verdict === "ended") deps.events.announce(id);
  if (row.verdict === "running") {
    deps.stops.request(id, CODE, row.worker);
    const ended = await awaitEnd(deps, id, deps.confirmMs, gone);
    if (ended !== undefined) return ended;
  }
  const job = await askDatabase(() => readJob(deps.database.pool, id));
  if (job === undefined) throw new BrokerError("not_found", "The job was deleted.");
  return job;
}
