import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { formatUsd } from "../../shared/money/usd.ts";
import type { LogFields } from "../http/log-fields.ts";

/** Fills a request's log fields from an accepted job. */
export function logJob(logFields: LogFields, job: AcceptedJob): void {
  logFields.jobState = job.state;
  if (job.provider !== null) logFields.provider = job.provider;
  if (job.fence > 0) logFields.attempts = job.fence;
  if (job.queue_ms !== null) logFields.queueMs = job.queue_ms;
  if (job.ended_at !== null) logFields.costUsd = formatUsd(job.cost_nanos);
}
