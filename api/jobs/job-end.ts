import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { AttemptFacts, ReplyError } from "../../shared/contracts/reply.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { explainEnd } from "../inference/run-end.ts";

/** What the caller of an ended job is told when it did not get done; undefined: it did. */
export function jobError(
  job: Pick<AcceptedJob, "state" | "error_code" | "error">,
): BrokerError | undefined {
  const { state, error_code: endCode, error } = job;
  if (state === "waiting" || state === "running" || state === "done") return undefined;
  if (error === null) return explainEnd(state, endCode);
  const { code, message, ...options } = JSON.parse(error) as ReplyError;
  return new BrokerError(code, message, options);
}

/** Facts of a job's last attempt, for the headers of an answer; undefined before the first. */
export function attemptFacts(job: AcceptedJob): AttemptFacts | undefined {
  const { provider, location, fence, queue_ms: queueMs } = job;
  if (provider === null || location === null || queueMs === null) return undefined;
  return { provider, location, attempts: fence, queueMs };
}
