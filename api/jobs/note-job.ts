import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { formatUsd } from "../../shared/money/usd.ts";
import type { RequestFacts } from "../http/request-facts.ts";

/** Tells the request's log line what an accepted job has come to. */
export function noteJob(facts: RequestFacts, job: AcceptedJob): void {
  facts.jobState = job.state;
  if (job.provider !== null) facts.provider = job.provider;
  if (job.fence > 0) facts.attempts = job.fence;
  if (job.queue_ms !== null) facts.queueMs = job.queue_ms;
  if (job.ended_at !== null) facts.costUsd = formatUsd(job.cost_nanos);
}
