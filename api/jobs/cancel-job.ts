import type { EndRow } from "../../shared/jobs/end.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { readJob, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { awaitEnd } from "./await-end.ts";

const CODE = "cancel";

/**
 * Asks an accepted job to end, and returns it as it then is. The statement decides: a job that got done
 * meanwhile is done, and one whose worker does not confirm in time still runs.
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

/** Asks it without waiting. `code`: why, kept with the job. */
export async function requestCancel(
  { database, events, stops }: Pick<CallDeps, "database" | "events" | "stops">,
  id: string,
  code: string,
): Promise<EndRow> {
  const row = await database.end.submit({ job: id, place: null, state: "cancelled", code });
  if (row.verdict === "ended") events.announce(id);
  if (row.verdict === "running") stops.request(id, code, row.worker);
  return row;
}
