import type { AnswerHeaders } from "../../shared/contracts/reply.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";

/** Facts of a job's last attempt, for the headers of an answer; undefined before the first. */
export function answerHeaders(job: AcceptedJob): AnswerHeaders | undefined {
  const { provider, location, fence, queue_ms: queueMs } = job;
  if (provider === null || location === null || queueMs === null) return undefined;
  return { provider, location, attempts: fence, queueMs };
}
