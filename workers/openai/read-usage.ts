import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { Usage } from "../../shared/contracts/outcome.ts";
import { asObject } from "../../shared/json/json-object.ts";

/** An answer's `usage`, or undefined when absent, negative, fractional or beyond `max`. */
export function readUsage(value: unknown, endpoint: Endpoint, max?: Usage): Usage | undefined {
  const usage = asObject(value);
  if (usage === undefined) return undefined;
  const promptTokens = usage["prompt_tokens"];
  const completionTokens = endpoint === "embeddings" ? 0 : usage["completion_tokens"];
  if (!isCount(promptTokens) || !isCount(completionTokens)) return undefined;
  if (max !== undefined) {
    if (promptTokens > max.promptTokens || completionTokens > max.completionTokens) {
      return undefined;
    }
  }
  return { promptTokens, completionTokens };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
