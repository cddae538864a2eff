import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { Usage } from "../../shared/contracts/outcome.ts";
import { asObject } from "../../shared/json/json-object.ts";

const chatNames = ["prompt_tokens", "completion_tokens"] as const;

const fieldNames = {
  "chat.completions": chatNames,
  completions: chatNames,
  embeddings: ["prompt_tokens", null],
  responses: ["input_tokens", "output_tokens"],
} as const satisfies Record<Endpoint, readonly [string, string | null]>;

/** An answer's `usage`, or undefined when absent, negative, fractional or beyond `max`. */
export function readUsage(value: unknown, endpoint: Endpoint, max?: Usage): Usage | undefined {
  const usage = asObject(value);
  if (usage === undefined) return undefined;
  const [input, output] = fieldNames[endpoint];
  const promptTokens = usage[input];
  const completionTokens = output === null ? 0 : usage[output];
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
