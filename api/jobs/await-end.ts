import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import type { JobResult } from "../../shared/jobs/job-result.ts";
import { followJob, type FollowDeps } from "./follow-job.ts";

export interface EndedJob {
  readonly job: AcceptedJob;
  readonly result: JobResult | undefined;
}

/** Waits for an accepted job's end; undefined when it did not come in time, or the job is deleted. */
export async function awaitEnd(
  deps: FollowDeps,
  job: string,
  withinMs: number,
  gone: AbortSignal,
): Promise<EndedJob | undefined> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), withinMs);
  const signal = AbortSignal.any([gone, late.signal]);
  try {
    for await (const event of followJob(deps, { job, from: null, signal }))
      if (event.type === "end") return event;
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
