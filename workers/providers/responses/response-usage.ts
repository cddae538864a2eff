import type { Usage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";

/** A chat completion's checked usage in the words of a response, with what is known in detail. */
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

/** Where engines and clouds tell the cached part of a prompt: OpenAI, Moonshot, DeepSeek, Anthropic. */
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

/** A part of `whole`; 0 when nothing true is said. */
function part(whole: number, places: readonly (readonly string[])[], usage: JsonObject): number {
  const counts = places.map((path) =>
    path.reduce<unknown>((value, name) => asObject(value)?.[name], usage),
  );
  const count = counts.find((each) => Number.isSafeInteger(each) && (each as number) > 0);
  return count === undefined ? 0 : Math.min(count as number, whole);
}
