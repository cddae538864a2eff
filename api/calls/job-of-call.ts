import { newJob, type NewJob } from "../../shared/jobs/new-job.ts";
import type { CallDeps } from "./call-deps.ts";
import { callLimits } from "./call-limits.ts";
import type { ReadCall } from "./inference-call.ts";

/**
 * Returns the job that a call asks for, before it is admitted. Throws as `callLimits` and `newJob`
 * do.
 */
export function jobOfCall(deps: CallDeps, call: ReadCall, callerWaits: boolean): NewJob {
  const { endpoint, key, inference, reply } = call;
  const { headers, receivedAt } = reply.request;
  const limits = callLimits(deps.server, {
    key,
    headers,
    receivedAt,
    request: inference,
    callerWaits,
  });
  return newJob(deps, { key, endpoint, request: inference, callerWaits, ...limits });
}
