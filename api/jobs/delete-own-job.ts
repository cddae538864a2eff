import { setTimeout as sleep } from "node:timers/promises";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { deleteJob } from "../../shared/jobs/delete-job.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import type { CallDeps } from "../calls/call-deps.ts";

/**
 * Deletes what is stored of a job, at once for everybody, and stops the job if it runs. A fleet's
 * event log is deleted now, and again when the worker has stopped, since the worker may have
 * written meanwhile.
 */
export async function deleteOwnJob(
  deps: CallDeps,
  { id, key_id, fence }: AcceptedJob,
): Promise<void> {
  const deleted = await askDatabase(() => deleteJob(deps.database.pool, key_id, id));
  const lastFence = fence + 1; // it may have begun since it was read
  if (deleted?.worker != null) {
    deps.stops.request(id, "deleted", deleted.worker);
    void sleep(deps.timings.confirmMs, undefined, { ref: false }).then(() =>
      deps.events.forget(id, lastFence),
    );
  }
  deps.events.announce(id);
  await deps.events.forget(id, lastFence);
}
