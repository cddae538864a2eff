import type { Pool } from "pg";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { readJob } from "../../shared/jobs/accepted-job.ts";
import { readRequestBody, readResult } from "../../shared/jobs/job-result.ts";
import { parseExact } from "../../shared/json/exact-json.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { jobOfResponse } from "../../shared/responses/response-id.ts";
import type { ParsedBody } from "./parse-body.ts";

/**
 * The body of a response request with the items of the turns before it in front of its own input. A
 * stored response keeps its whole input, so that one step back is all of them. Throws `BrokerError`
 * for a previous response that this key does not have, or that has no output yet.
 */
export async function withPreviousTurn(
  pool: Pick<Pool, "query">,
  key: string,
  body: ParsedBody,
): Promise<ParsedBody> {
  const previous = body.fields["previous_response_id"];
  if (typeof previous !== "string") return body;
  const earlier = await itemsOf(pool, key, previous);
  const joined = (input: unknown): unknown[] => [...earlier, ...inputItems(input)];
  return {
    fields: { ...body.fields, input: joined(body.fields["input"]) },
    exact: { ...body.exact, input: joined(body.exact["input"]) },
  };
}

/** A request's input as a list of items. */
export function inputItems(input: unknown): readonly unknown[] {
  if (Array.isArray(input)) return input;
  if (typeof input !== "string") return [];
  return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
}

async function itemsOf(
  pool: Pick<Pool, "query">,
  key: string,
  response: string,
): Promise<readonly unknown[]> {
  const id = jobOfResponse(response);
  const job = id === undefined ? undefined : await readJob(pool, id);
  if (job?.key_id !== key || !job.stored)
    throw refusal(`Previous response with id '${response.slice(0, 64)}' not found.`);
  if (job.state !== "done")
    throw refusal(`Previous response '${response}' has no output to go on from.`);
  const [request, result] = await Promise.all([
    readRequestBody(pool, job.id),
    readResult(pool, job.id),
  ]);
  if (request === undefined || result?.body == null)
    throw refusal(`Previous response with id '${response}' not found.`);
  const output = parse(result.body.toString())["output"];
  return [...inputItems(parse(request)["input"]), ...(Array.isArray(output) ? output : [])];
}

function parse(text: string): JsonObject {
  return asObject(parseExact(text)) ?? {};
}

function refusal(message: string): BrokerError {
  return new BrokerError("invalid_request", message, {
    param: "previous_response_id",
    wireCode: "previous_response_not_found",
  });
}
