import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { ReportedUsage } from "../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/** The ledger counts in 32 bits. */
const mostTokens = 2 ** 31 - 1;

/** OpenAI's chat and responses, Gemini's own, Ollama's own. */
const promptNames = ["prompt_tokens", "input_tokens", "promptTokenCount", "prompt_eval_count"];
const completionNames = [
  "completion_tokens",
  "output_tokens",
  "candidatesTokenCount",
  "eval_count",
];
const totalNames = ["total_tokens", "totalTokenCount"];

/**
 * An answer's `usage` object. Undefined when it names no count, or one that is none (negative, a
 * text, a fraction). Where the parts contradict each other, the larger reading counts:
 * - Gemini's surface and some gateways leave reasoning out of `completion_tokens`, but not out of
 *   the total;
 * - Anthropic leaves cached tokens out of `input_tokens`.
 */
export function readUsage(value: unknown, endpoint: Endpoint): ReportedUsage | undefined {
  const usage = asObject(value);
  if (usage === undefined) return undefined;
  const prompt = largest(usage, promptNames);
  const completion = largest(usage, completionNames);
  const total = largest(usage, totalNames);
  if (isBroken(prompt) || isBroken(completion)) return undefined;
  const sum = isBroken(total) ? undefined : total;
  if (prompt === undefined && completion === undefined && sum === undefined) return undefined;
  if (endpoint === "embeddings") return counts(Math.max(prompt ?? 0, sum ?? 0), 0);
  const asked = (prompt ?? Math.max(0, (sum ?? 0) - (completion ?? 0))) + uncounted(usage, prompt);
  const rest = Math.max(0, (sum ?? 0) - asked);
  return {
    ...counts(asked, Math.max(withReasoning(usage, completion ?? 0), rest)),
    ...(completion === undefined && sum === undefined ? { completionIsFloor: true as const } : {}),
  };
}

/** Cached tokens that the prompt's count leaves out. */
function uncounted(usage: JsonObject, prompt = 0): number {
  const read = countOr0(usage["cache_read_input_tokens"]);
  const made = countOr0(usage["cache_creation_input_tokens"]);
  if (usage["prompt_tokens"] === undefined && read + made > 0) return read + made;
  const details = asObject(usage["prompt_tokens_details"] ?? usage["input_tokens_details"]);
  const cached = countOr0(details?.["cached_tokens"]);
  return cached > prompt ? cached : 0;
}

/** Reasoning that is more than the completion it should be a part of is none of it. */
function withReasoning(usage: JsonObject, completion: number): number {
  const details = asObject(usage["completion_tokens_details"] ?? usage["output_tokens_details"]);
  const reasoning = Math.max(
    countOr0(details?.["reasoning_tokens"]),
    countOr0(usage["reasoning_tokens"]),
    countOr0(usage["thoughtsTokenCount"]),
  );
  return reasoning > completion || usage["thoughtsTokenCount"] !== undefined
    ? completion + reasoning
    : completion;
}

function counts(promptTokens: number, completionTokens: number): ReportedUsage {
  return {
    promptTokens: Math.min(promptTokens, mostTokens),
    completionTokens: Math.min(completionTokens, mostTokens),
  };
}

/** The largest count under these names; NaN when one of them is there and no count. */
function largest(usage: JsonObject, names: readonly string[]): number | undefined {
  let most: number | undefined;
  for (const name of names) {
    if (usage[name] == null) continue;
    most = Math.max(most ?? 0, readCount(usage[name]));
  }
  return most;
}

function isBroken(count: number | undefined): boolean {
  return Number.isNaN(count);
}

function countOr0(value: unknown): number {
  const count = readCount(value);
  return Number.isNaN(count) ? 0 : count;
}

/** A whole number, however large; NaN for all else, such as a text or a fraction. */
function readCount(value: unknown): number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : Number.NaN;
}
