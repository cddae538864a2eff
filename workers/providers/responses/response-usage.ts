import type { Usage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";

/** Writes a chat completion's checked usage as that of a response, with its details. */
export function responseUsage(
  { promptTokens, completionTokens }: Usage,
  usage: JsonObject,
): JsonObject {
  return {
    input_tokens: promptTokens,
    input_tokens_details: { cached_tokens: part(promptTokens, CACHED_PLACES, usage) },
    output_tokens: completionTokens,
    output_tokens_details: { reasoning_tokens: part(completionTokens, REASONING_PLACES, usage) },
    total_tokens: promptTokens + completionTokens,
  };
}

/** OpenAI, Moonshot, DeepSeek and Anthropic report the cached part of a prompt here. */
const CACHED_PLACES = [
  ["prompt_tokens_details", "cached_tokens"],
  ["input_tokens_details", "cached_tokens"],
  ["cached_tokens"],
  ["prompt_cache_hit_tokens"],
  ["cache_read_input_tokens"],
];

const REASONING_PLACES = [
  ["completion_tokens_details", "reasoning_tokens"],
  ["output_tokens_details", "reasoning_tokens"],
  ["reasoning_tokens"],
];

/** Reads a part of `whole`. Returns 0 if it is not reported, or is not a count. */
function part(whole: number, places: readonly (readonly string[])[], usage: JsonObject): number {
  const counts = places.map((path) =>
    path.reduce<unknown>((value, name) => asObject(value)?.[name], usage),
  );
  const count = counts.find((each) => Number.isSafeInteger(each) && (each as number) > 0);
  return count === undefined ? 0 : Math.min(count as number, whole);
}
