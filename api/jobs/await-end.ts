import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { followJob } from "./follow-job.ts";

/**
 * Waits for an accepted job's end. The result is undefined when the end comes too late or the job
 * is deleted.
 */
export async function awaitEnd(
  deps: CallDeps,
  job: string,
  withinMs: number,
  stopWaiting: AbortSignal,
): Promise<AcceptedJob | undefined> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), withinMs);
  const signal = AbortSignal.any([stopWaiting, late.signal]);
  try {
    for await (const event of followJob(deps, { job, from: null, signal }))
      if (event.type === "end") return event.job;
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
