import type { Endpoint } from "../../../shared/contracts/endpoint.ts";
import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { findChoiceUsage, findUsage } from "../chat/find-usage.ts";
import { readUsage } from "../chat/read-usage.ts";

/**
 * Reads the usage of a whole answer. With several choices it is a floor: llama.cpp reports the first
 * choice alone, and a report does not show which choices it counts. Streams do (`UsageMeter`).
 */
export function wholeUsage(answer: JsonObject, endpoint: Endpoint): ReportedUsage | undefined {
  const choices = Array.isArray(answer["choices"]) ? (answer["choices"] as unknown[]) : [];
  const usage = readUsage(findUsage(answer), endpoint);
  if (usage !== undefined)
    return {
      ...usage,
      ...(choices.length > 1 ? { completionIsFloor: true as const } : {}),
      ...(choices.length > 1 && endpoint === "completions" ? { promptIsFloor: true as const } : {}),
    };
  const own = choices
    .map((choice) => readUsage(findChoiceUsage(asObject(choice)), endpoint))
    .filter((each) => each !== undefined);
  if (own.length === 0) return undefined;
  return {
    promptTokens: Math.max(...own.map(({ promptTokens }) => promptTokens)),
    completionTokens: own.reduce((sum, { completionTokens }) => sum + completionTokens, 0),
    ...(own.length < choices.length ? { promptIsFloor: true, completionIsFloor: true } : {}),
  };
}
