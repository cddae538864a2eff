import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { completionId, isStoredCompletion } from "../../shared/jobs/completion-id.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import { asObject } from "../../shared/json/json-object.ts";

type Job = Pick<AcceptedJob, "id" | "endpoint" | "stored">;

/** Gives the answer of a stored chat completion the id under which it can be read. */
export function bodyWithOwnId(job: Job, body: Buffer): Buffer | string {
  return isStoredCompletion(job) ? withId(body.toString(), completionId(job.id)) : body;
}

/** Does the same for a stream's events. */
export function eventsWithOwnId(job: Job, events: string): string {
  if (!isStoredCompletion(job)) return events;
  const id = completionId(job.id);
  return events.replaceAll(
    /^data: (\{.*\})$/gm,
    (_line, json: string) => `data: ${withId(json, id)}`,
  );
}

function withId(text: string, id: string): string {
  const object = asObject(parseExact(text));
  return object === undefined ? text : JSON.stringify({ ...object, id });
}
