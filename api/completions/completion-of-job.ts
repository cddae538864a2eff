import type { Pool } from "pg";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { splitEvents } from "../../shared/events/event-log.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { completionId } from "../../shared/jobs/completion-id.ts";
import { readResult } from "../../shared/jobs/job-result.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { jobStatus } from "../jobs/job-status.ts";
import { joinChunks } from "./join-chunks.ts";

/**
 * Shows the stored chat completion of an accepted job as OpenAI does: the answer, put together if it was
 * a stream, with its own id and `metadata`. Throws `BrokerError` `not_ready` until it is there, and
 * `not_found` when there will be none.
 */
export async function completionOfJob(
  pool: Pick<Pool, "query">,
  job: AcceptedJob,
): Promise<JsonObject> {
  const id = completionId(job.id);
  if (job.ended_at === null)
    throw new BrokerError(
      "not_ready",
      `The chat completion is not done yet: it is ${jobStatus(job)}.`,
    );
  const result =
    job.state === "done" ? await askDatabase(() => readResult(pool, job.id)) : undefined;
  const answer =
    result?.events == null
      ? asObject(parseExact(result?.body?.toString() ?? "null"))
      : joinChunks(splitEvents(result.events).flatMap(chunkOf));
  if (answer === undefined)
    throw new BrokerError(
      "not_found",
      `There is no chat completion '${id}': its job is ${jobStatus(job)}. /v1/jobs/${job.id} says why.`,
      { param: "id" },
    );
  const { metadata } = JSON.parse(job.facts) as Partial<StoredRequest>;
  return { ...answer, id, object: "chat.completion", metadata: metadata ?? null };
}

function chunkOf(event: string): readonly JsonObject[] {
  const data = /^data: (\{.*\})$/m.exec(event)?.[1];
  return data === undefined ? [] : [asObject(JSON.parse(data)) ?? {}];
}
