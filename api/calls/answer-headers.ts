import type { AnswerHeaders } from "../../shared/contracts/reply.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { formatUsd } from "../../shared/money/usd.ts";

/** Writes the broker's own headers of an inference answer, as far as they are known. */
export function toHttpHeaders(
  job: string,
  answerHeaders: AnswerHeaders | undefined,
  costNanos?: bigint,
): Record<string, string> {
  return {
    "x-spillway-job-id": job,
    ...(answerHeaders === undefined
      ? {}
      : {
          "x-spillway-provider": answerHeaders.provider,
          "x-spillway-attempts": String(answerHeaders.attempts),
          "x-spillway-queue-ms": String(answerHeaders.queueMs),
        }),
    ...(costNanos === undefined ? {} : { "x-spillway-cost-usd": formatUsd(costNanos) }),
  };
}

/** Returns the last attempt of an accepted job; undefined before the first. */
export function lastAttempt(job: AcceptedJob): AnswerHeaders | undefined {
  const { provider, location, fence, queue_ms: queueMs } = job;
  if (provider === null || location === null || queueMs === null) return undefined;
  return { provider, location, attempts: fence, queueMs };
}
