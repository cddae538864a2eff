import { setTimeout as sleep } from "node:timers/promises";
import type { EndMember } from "../../shared/jobs/end.ts";
import type { EndedJob } from "../../shared/jobs/find-ended.ts";
import type { CallDeps } from "./call-deps.ts";

type EndDeps = Pick<CallDeps, "database" | "stops" | "findEnded" | "timings">;

/** The end that a job is asked for. */
export interface StopRequest {
  readonly state: EndMember["state"];
  readonly code: string;
}

export interface EndingJob {
  readonly id: string;
  /** The worker, in another process, that sent the last message. */
  readonly worker: string | undefined;
  /** Aborted when nobody waits for the job's end any more. */
  readonly closed: AbortSignal;
}

export type RequestedEnd =
  /** The statement has ended the job. */
  | { readonly kind: "ended" }
  /** The job had ended before, and its worker's message did not come. A deleted job has no row. */
  | { readonly kind: "ended-before"; readonly row: EndedJob | undefined }
  /** A worker has the job, and does not confirm its end. */
  | { readonly kind: "unconfirmed" }
  | { readonly kind: "closed" };

/** By the last try, the sweepers have closed what a dead worker left. */
const MAX_TRIES = 7;

/**
 * Asks the statement to end a job, and asks again until the job has ended: no timer decides. A worker's
 * message, with the answer or the reason, comes first if it comes in time. Rejects when the database
 * cannot be asked.
 */
export async function requestEnd(
  { database, stops, findEnded, timings }: EndDeps,
  job: EndingJob,
  { state, code }: StopRequest,
  place: number | null,
): Promise<RequestedEnd> {
  for (let tries = 1; ; tries++) {
    const atPlace = tries === 1 ? place : null;
    const row = await database.end.submit({ job: job.id, place: atPlace, state, code });
    if (row.verdict === "ended") return { kind: "ended" };
    if (row.verdict === "running") stops.request(job.id, code, row.worker);
    const isOver = row.verdict === "already" || row.verdict === "gone";
    if (isOver && tries > 1) {
      const [ended] = await findEnded([{ id: job.id, worker: job.worker }]);
      return { kind: "ended-before", row: ended };
    }
    if (tries === MAX_TRIES) return { kind: "unconfirmed" };
    const isOpen = await sleep(timings.confirmMs, true, { signal: job.closed }).catch(() => false);
    if (!isOpen) return { kind: "closed" };
  }
}

/** Ends a job whose caller has been answered, so that it does not run once the database is back. */
export function endLater(deps: EndDeps, job: string, { state, code }: StopRequest): void {
  const { database, stops, timings } = deps;
  const end = async (): Promise<void> => {
    try {
      const row = await database.end.submit({ job, place: null, state, code });
      if (row.verdict === "running") stops.request(job, code, row.worker);
    } catch {
      setTimeout(() => void end(), timings.requeueMs).unref();
    }
  };
  void end();
}
