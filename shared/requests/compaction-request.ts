import { BrokerError } from "../errors/broker-error.ts";
import type { JsonObject } from "../json/json-object.ts";
import { summarisingInput } from "../responses/compaction.ts";
import type { ParsedBody } from "./parse-body.ts";
import { inputItems } from "./previous-turn.ts";

/** Fields that shape an answer but not a summary. */
const ofAnswers = [
  "include",
  "max_tool_calls",
  "parallel_tool_calls",
  "text",
  "tool_choice",
  "tools",
  "top_logprobs",
];
/** Fields that say how a response is delivered and stored. A compaction has no such choice. */
const ofResponses = [
  "background",
  "conversation",
  "previous_response_id",
  "stream",
  "stream_options",
];

/**
 * Returns the request that makes the model summarise the input of a compaction, which includes its
 * earlier turns. `isOwnEndpoint` is true for `/v1/responses/compact`. Throws `BrokerError`
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
