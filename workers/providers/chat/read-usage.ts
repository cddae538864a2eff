import type { Endpoint } from "../../../shared/contracts/endpoint.ts";
import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";

/** The ledger counts in 32 bits. */
const MAX_TOKENS = 2 ** 31 - 1;

/**
 * These names have no case and no underscores. They come from OpenAI (chat and responses), Gemini,
 * Bedrock, watsonx, TGI, Ollama and llama.cpp.
 */
const PROMPT_NAMES = new Set([
  "prompttokens",
  "inputtokens",
  "prompttokencount",
  "inputtokencount",
  "promptevalcount",
  "prefilltokens",
  "tokensevaluated",
]);
const COMPLETION_NAMES = new Set([
  "completiontokens",
  "outputtokens",
  "candidatestokencount",
  "outputtokencount",
  "generatedtokencount",
  "generatedtokens",
  "evalcount",
  "tokenspredicted",
  "predictedn",
]);
const TOTAL_NAMES = new Set(["totaltokens", "totaltokencount"]);

/**
 * Reads an answer's `usage` object; returns undefined if it has no count. If one count is not a
 * number of tokens (negative, a word), the others count as floors. Where the parts contradict each
 * other, the larger reading counts. Gemini's API and some gateways leave reasoning out of
 * `completion_tokens`, but not out of the total. Anthropic leaves cached tokens out of
 * `input_tokens`, and llama.cpp's `timings` leave them out of `prompt_n`.
 */
export function readUsage(value: unknown, endpoint: Endpoint): ReportedUsage | undefined {
  const usage = asObject(value);
  if (usage === undefined) return undefined;
  const prompt = largest(usage, PROMPT_NAMES) ?? timedPrompt(usage);
  const completion = largest(usage, COMPLETION_NAMES);
  const total = largest(usage, TOTAL_NAMES);
  const known = [prompt, completion, total].filter((each) => each !== undefined);
  if (known.every((each) => Number.isNaN(each))) return undefined;
  const isBroken = known.some((each) => Number.isNaN(each));
  const [asked, made, sum] = [prompt, completion, total].map((each) =>
    each === undefined || Number.isNaN(each) ? undefined : each,
  );
  if (endpoint === "embeddings") return counts(Math.max(asked ?? 0, sum ?? 0), 0);
  const read = (asked ?? Math.max(0, (sum ?? 0) - (made ?? 0))) + uncounted(usage, asked);
  const rest = Math.max(0, (sum ?? 0) - read);
  return {
    ...counts(read, Math.max(withReasoning(usage, made ?? 0), rest)),
    ...(isBroken ? { promptIsFloor: true as const } : {}),
    ...(isBroken || (made === undefined && sum === undefined)
      ? { completionIsFloor: true as const }
      : {}),
  };
}

/** Reads the prompt of llama.cpp's `timings`. */
function timedPrompt(usage: JsonObject): number | undefined {
  if (usage["prompt_n"] === undefined || usage["predicted_n"] === undefined) return undefined;
  return readCount(usage["prompt_n"]) + countOr0(usage["cache_n"]);
}

/** Counts cached tokens that the prompt's count leaves out. */
function uncounted(usage: JsonObject, prompt = 0): number {
  const read = countOr0(usage["cache_read_input_tokens"]);
  const made = countOr0(usage["cache_creation_input_tokens"]);
  if (usage["prompt_tokens"] === undefined && read + made > 0) return read + made;
  // DeepSeek counts a prompt in two parts.
  const parts =
    countOr0(usage["prompt_cache_hit_tokens"]) + countOr0(usage["prompt_cache_miss_tokens"]);
  if (parts > prompt) return parts - prompt;
  const details = asObject(usage["prompt_tokens_details"] ?? usage["input_tokens_details"]);
  const cached = countOr0(details?.["cached_tokens"]);
  return cached > prompt ? cached : 0;
}

/** Adds reasoning that is not a part of the completion: it is more than the whole. */
function withReasoning(usage: JsonObject, completion: number): number {
  const details = asObject(usage["completion_tokens_details"] ?? usage["output_tokens_details"]);
  const thoughts = usage["thoughtsTokenCount"] ?? usage["thoughts_token_count"];
  const reasoning = Math.max(
    countOr0(details?.["reasoning_tokens"]),
    countOr0(usage["reasoning_tokens"]),
    countOr0(thoughts),
  );
  return reasoning > completion || thoughts !== undefined ? completion + reasoning : completion;
}

function counts(promptTokens: number, completionTokens: number): ReportedUsage {
  return {
    promptTokens: Math.min(promptTokens, MAX_TOKENS),
    completionTokens: Math.min(completionTokens, MAX_TOKENS),
  };
}

/** Returns the largest count under these names; NaN if they are there and none is a count. */
function largest(usage: JsonObject, names: ReadonlySet<string>): number | undefined {
  let most: number | undefined;
  for (const [name, value] of Object.entries(usage)) {
    if (value == null || !names.has(name.replaceAll(/[_-]/g, "").toLowerCase())) continue;
    const count = readCount(value);
    most = most === undefined || Number.isNaN(most) ? count : Math.max(most, count || 0);
  }
  return most;
}

function countOr0(value: unknown): number {
  const count = readCount(value);
  return Number.isNaN(count) ? 0 : count;
}

/** Reads a count and rounds a fraction up. Some gateways write counts as texts. */
function readCount(value: unknown): number {
  const isText = typeof value === "string" && /^\s*\d+(?:\.\d+)?\s*$/.test(value);
  const count = typeof value === "number" || isText ? Math.ceil(Number(value)) : Number.NaN;
  return count >= 0 ? count : Number.NaN;
}
