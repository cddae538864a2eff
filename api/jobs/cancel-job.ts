import type { EndRow } from "../../shared/jobs/end.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { readJob, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { endJob } from "../../shared/jobs/end-job.ts";
import { NO_OWNER } from "../../shared/contracts/reply.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { awaitEnd } from "./await-end.ts";

const CODE = "cancel";

/**
 * Asks an accepted job to end, and returns it as it then is. The statement decides: a job that got
 * done meanwhile is done, and a job whose worker does not confirm in time still runs.
 */
export async function cancelJob(
  deps: CallDeps,
  id: string,
  disconnected: AbortSignal,
): Promise<AcceptedJob> {
  const { verdict } = await askDatabase(() => requestCancel(deps, id, CODE));
  if (verdict === "running") {
    const ended = await awaitEnd(deps, id, deps.timings.confirmMs, disconnected);
    if (ended !== undefined) return ended;
  }
  const job = await askDatabase(() => readJob(deps.database.pool, id));
  if (job === undefined) throw new BrokerError("not_found", "The job was deleted.");
  return job;
}

/** Asks a job to end and does not wait. `code` is the reason, which is kept with the job. */
export async function requestCancel(
  deps: Pick<CallDeps, "database" | "reply" | "stops">,
  id: string,
  code: string,
): Promise<EndRow> {
  const end = { job: id, place: null, state: "cancelled", code, owner: NO_OWNER } as const;
  const row = await endJob(deps, end);
  if (row.verdict === "running") deps.stops.request(id, code, row.worker);
  return row;
}
