import { endpoints } from "../../shared/contracts/endpoint.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";
import { formatUsd } from "../../shared/money/usd.ts";
import { jobError } from "../../shared/jobs/job-error.ts";
import { jobStatus } from "./job-status.ts";

/** Shows a job as `/v1/jobs` does. Times are Unix seconds. */
export function jobObject(job: AcceptedJob): object {
  const { metadata } = JSON.parse(job.facts) as Partial<StoredRequest>;
  return {
    id: job.id,
    object: "job",
    endpoint: `/v1${endpoints[job.endpoint]}`,
    model: job.model,
    status: jobStatus(job),
    created_at: seconds(job.accepted_at),
    started_at: seconds(job.started_at),
    completed_at: seconds(job.ended_at),
    expires_at: seconds(job.deadline_at),
    provider: job.provider,
    attempts: job.fence,
    error: jobError(job)?.toJSON().error ?? null,
    batch_id: job.batch_id,
    result_url: `/v1/jobs/${job.id}/result`,
    cost: { amount: formatUsd(job.cost_nanos), currency: "usd", estimated: job.estimated },
    metadata: metadata ?? null,
  };
}

function seconds(time: Date | null): number | null {
  return time === null ? null : Math.floor(time.getTime() / 1_000);
}
