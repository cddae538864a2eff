import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import type { JobResult } from "../../shared/jobs/job-result.ts";
import { asObject } from "../../shared/json/json-object.ts";
import { finishedEvents } from "../../shared/responses/finished-events.ts";

/** Makes the events of a response that was not streamed. Other jobs have no such events. */
export function unstreamedEvents(
  job: AcceptedJob,
  result: JobResult | undefined,
): readonly string[] {
  if (job.endpoint !== "responses" || result?.body == null || result.events !== null) return [];
  return finishedEvents(asObject(JSON.parse(result.body.toString())) ?? {});
}
