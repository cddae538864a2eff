import type { Pool } from "pg";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { splitEvents } from "../../shared/events/event-log.ts";
import { readRequestBody, readResult } from "../../shared/jobs/job-result.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { responseObject, type ResponseState } from "../../shared/responses/response-object.ts";
import type { EndState } from "../../shared/contracts/reply.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { jobError } from "../../shared/jobs/job-error.ts";
import { failedState } from "./failed-state.ts";
import type { ViewedResponse } from "./response-view.ts";

/** Returns the response of an accepted job, as JSON text or bytes. */
export async function responseOfJob(
  pool: Pick<Pool, "query">,
  job: AcceptedJob,
): Promise<string | Buffer> {
  if (job.state === "done") {
    const result = await askDatabase(() => readResult(pool, job.id));
    if (result?.body != null) return result.body;
  }
  const { fields, context, maxOutputTokens } = await viewedResponse(pool, job);
  return JSON.stringify(responseObject(fields, { ...context, maxOutputTokens }, stateOf(job)));
}

/** Reads what the stream's view needs of a response's request. */
export async function viewedResponse(
  pool: Pick<Pool, "query">,
  job: AcceptedJob,
): Promise<Omit<ViewedResponse, "startingAfter">> {
  const { response, maxOutputTokens } = JSON.parse(job.facts) as StoredRequest;
  if (response === undefined) throw new Error(`job ${job.id} is no response`);
  const body = await askDatabase(() => readRequestBody(pool, job.id));
  const fields = body === undefined ? await echoedFields(pool, job.id) : parse(body);
  return { fields, context: response, maxOutputTokens };
}

/** Reads the fields of a request that is not kept from its response. */
async function echoedFields(pool: Pick<Pool, "query">, job: string): Promise<JsonObject> {
  const result = await askDatabase(() => readResult(pool, job));
  if (result?.body != null) return parse(result.body.toString());
  const last = splitEvents(result?.events ?? "").at(-1) ?? "";
  return asObject(parse(/^data: (.*)$/m.exec(last)?.[1] ?? "{}")["response"]) ?? {};
}

function parse(text: string): JsonObject {
  return asObject(parseExact(text)) ?? {};
}

function stateOf(job: AcceptedJob): ResponseState {
  const error = jobError(job);
  if (error !== undefined) return failedState(error, job.state as EndState);
  return { status: job.state === "waiting" ? "queued" : "in_progress" };
}
