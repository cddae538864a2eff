import { BrokerError } from "../errors/broker-error.ts";
import type { JsonObject } from "../json/json-object.ts";
import { summarisingInput } from "../responses/compaction.ts";
import type { ParsedBody } from "./parse-body.ts";
import { inputItems } from "./previous-turn.ts";

/** Fields that shape an answer, of which a summary is none. */
const ofAnswers = [
  "include",
  "max_tool_calls",
  "parallel_tool_calls",
  "text",
  "tool_choice",
  "tools",
  "top_logprobs",
];
/** Fields of how a response is delivered and kept, which a compaction is not. */
const ofResponses = [
  "background",
  "conversation",
  "previous_response_id",
  "stream",
  "stream_options",
];

/**
 * The request that makes the model summarise what a compaction is asked of; its earlier turns stand
 * in its `input`. `isOwnEndpoint`: it came to `/v1/responses/compact`. Throws `BrokerError`
 * `invalid_request` when there is nothing to summarise.
 */
export function compactionRequest(
  { fields, exact }: ParsedBody,
  isOwnEndpoint: boolean,
): ParsedBody {
  if (inputItems(fields["input"]).length === 0)
    throw new BrokerError("invalid_request", "There is nothing to compact.", { param: "input" });
  const dropped = new Set([...ofAnswers, ...(isOwnEndpoint ? ofResponses : [])]);
  const asked = (body: JsonObject): JsonObject => ({
    ...Object.fromEntries(Object.entries(body).filter(([name]) => !dropped.has(name))),
    ...(isOwnEndpoint ? { store: false } : {}),
    input: summarisingInput(inputItems(body["input"])),
  });
  return { fields: asked(fields), exact: asked(exact) };
}
