import type { Usage } from "../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/** A chat completion's checked usage in the words of a response, with what is known in detail. */
export function responseUsage(
  { promptTokens, completionTokens }: Usage,
  usage: JsonObject,
): JsonObject {
  return {
    input_tokens: promptTokens,
    input_tokens_details: {
      cached_tokens: detail(usage["prompt_tokens_details"], "cached_tokens", promptTokens),
    },
    output_tokens: completionTokens,
    output_tokens_details: {
      reasoning_tokens: detail(
        usage["completion_tokens_details"],
        "reasoning_tokens",
        completionTokens,
      ),
    },
    total_tokens: promptTokens + completionTokens,
  };
}

/** A part of `whole`; 0 when nothing true is said. */
function detail(details: unknown, name: string, whole: number): number {
  const count = asObject(details)?.[name];
  return Number.isSafeInteger(count) && (count as number) >= 0
    ? Math.min(count as number, whole)
    : 0;
}
