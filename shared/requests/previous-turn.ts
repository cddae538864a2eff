import type { Pool } from "pg";
import { BrokerError } from "../errors/broker-error.ts";
import { readJob } from "../jobs/accepted-job.ts";
import { readRequestBody, readResult } from "../jobs/job-result.ts";
import { parseExact } from "../json/exact-json.ts";
import { asObject, type JsonObject } from "../json/json-object.ts";
import { isCompaction, keptMessages, withSummaries } from "../responses/compaction.ts";
import {
  findReference,
  referencedResponses,
  resolveReferences,
} from "../responses/item-references.ts";
import { jobOfResponse } from "../responses/response-id.ts";
import type { ParsedBody } from "./parse-body.ts";

/**
 * Puts the items of the earlier turns in front of a response request's own input, replaces
 * references by their items, and replaces compactions by their summaries. A stored response keeps
 * its whole input, so one step back gives all turns. Throws `BrokerError` for a response that this
 * key does not have, or that has no output yet, and when the whole input is larger than a request
 * may be.
 */
export async function withPreviousTurn(
  pool: Pick<Pool, "query">,
  key: string,
  body: ParsedBody,
  maxChars: number,
): Promise<ParsedBody> {
  const { previous_response_id: previous, input } = body.fields;
  const items = inputItems(input);
  const refers = findReference(input) !== undefined;
  if (typeof previous !== "string" && !refers && !items.some(isCompaction)) return body;
  const turn = typeof previous === "string" ? await turnOf(pool, key, previous) : undefined;
  if (turn !== undefined && lengthOf([turn.input, turn.output]) > maxChars)
    throw tooLarge("previous_response_id");
  const outputs = new Map<string, readonly JsonObject[]>();
  for (const response of referencedResponses(input)) {
    const isPrevious = turn !== undefined && response === previous;
    const found = isPrevious ? turn : await findTurn(pool, key, response);
    // The caller gets an error for the first response that is not found.
    if (found === undefined) break;
    outputs.set(response, found.output);
  }
  const resolved = resolveReferences(items, outputs);
  if (lengthOfReferred(items, resolved) > maxChars) throw tooLarge("input");
  const earlier = turn === undefined ? [] : itemsOf(turn);
  const fields = { ...body.fields, input: [...earlier, ...withSummaries(resolved)] };
  if (body.exact === body.fields) return { fields, exact: fields };
  const exact = resolveReferences(inputItems(body.exact["input"]), outputs);
  return {
    fields,
    exact: { ...body.exact, input: [...earlier, ...withSummaries(exact)] },
  };
}

/**
 * Returns the length of the items that references stand for. An item counts as often as it is
 * referred to.
 */
function lengthOfReferred(items: readonly unknown[], resolved: readonly unknown[]): number {
  const lengths = new Map<unknown, number>();
  return resolved.reduce((sum: number, item, index) => {
    if (item === items[index]) return sum;
    const length = lengths.get(item) ?? lengthOf(item);
    lengths.set(item, length);
    return sum + length;
  }, 0);
}

function lengthOf(value: unknown): number {
  return JSON.stringify(value).length;
}

function tooLarge(param: string): BrokerError {
  const message = `Invalid value for '${param}': The conversation is larger than a request may be.`;
  return new BrokerError("invalid_request", message, { param });
}

/** Returns a request's input as a list of items. */
export function inputItems(input: unknown): readonly unknown[] {
  if (Array.isArray(input)) return input;
  if (typeof input !== "string") return [];
  return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
}

interface Turn {
  readonly input: readonly unknown[];
  readonly output: readonly JsonObject[];
}

/** Of the items that a compaction replaces, only the user's messages are kept. */
function itemsOf({ input, output }: Turn): readonly unknown[] {
  const kept = output.some(isCompaction) ? keptMessages(input) : input;
  return [...kept, ...withSummaries(output)];
}

async function turnOf(pool: Pick<Pool, "query">, key: string, response: string): Promise<Turn> {
  const turn = await findTurn(pool, key, response);
  if (turn !== undefined) return turn;
  throw new BrokerError(
    "invalid_request",
    `Previous response with id '${response.slice(0, 64)}' not found, or it has no output yet.`,
    { param: "previous_response_id", wireCode: "previous_response_not_found" },
  );
}

/** Reads the input and output of a key's stored response. Undefined unless the response is done. */
async function findTurn(
  pool: Pick<Pool, "query">,
  key: string,
  response: string,
): Promise<Turn | undefined> {
  const id = jobOfResponse(response);
  const job = id === undefined ? undefined : await readJob(pool, id);
  if (job?.key_id !== key || !job.stored || job.state !== "done") return undefined;
  const [request, result] = await Promise.all([
    readRequestBody(pool, job.id),
    readResult(pool, job.id),
  ]);
  if (request === undefined || result?.body == null) return undefined;
  const { output } = parse(result.body.toString());
  return {
    input: inputItems(parse(request)["input"]),
    output: Array.isArray(output) ? (output as JsonObject[]) : [],
  };
}

function parse(text: string): JsonObject {
  return asObject(parseExact(text)) ?? {};
}
