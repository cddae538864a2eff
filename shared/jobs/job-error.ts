import type { ReplyError } from "../contracts/reply.ts";
import { BrokerError } from "../errors/broker-error.ts";
import type { AcceptedJob } from "./accepted-job.ts";
import { explainEnd } from "./explain-end.ts";

/**
 * Makes the error that the caller of an ended job gets; undefined for a job that is done or goes
 * on.
 */
export function jobError(
  job: Pick<AcceptedJob, "state" | "error_code" | "error">,
): BrokerError | undefined {
  const { state, error_code: endCode, error } = job;
  if (state === "waiting" || state === "running" || state === "done") return undefined;
  if (error === null) return explainEnd(state, endCode);
  const { code, message, ...options } = JSON.parse(error) as ReplyError;
  return new BrokerError(code, message, options);
}
