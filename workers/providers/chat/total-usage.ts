import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";

/**
 * Returns a `usage` object with what all choices used, where the upstream's counts one choice only
 * (llama.cpp). Returns undefined if the object may stay as it is.
 */
export function totalUsage(
  usage: unknown,
  total: ReportedUsage | undefined,
): JsonObject | undefined {
  const reported = asObject(usage);
  if (reported === undefined || total === undefined || total.completionIsFloor === true)
    return undefined;
  const { promptTokens, completionTokens } = total;
  if (typeof reported["completion_tokens"] !== "number") return undefined;
  if (reported["completion_tokens"] >= completionTokens) return undefined;
  return {
    ...reported,
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
