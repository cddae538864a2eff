import { asObject, parseJson, type JsonObject } from "../../../shared/json/json-object.ts";

/** Matches the names of usage objects, with whatever gateways put before them. */
const USAGE_NAME = /^(?:.*[^a-z])?(?:token)?_?usage(?:_?metadata|_?info)?$/i;
/** Matches other objects with counts of their own: llama.cpp's, Bedrock's. */
const COUNTS_NAME = /^timings$|metrics$/i;

/**
 * Finds the usage of an answer or a chunk: OpenAI's `usage`, Groq's `x_groq.usage`, Gemini's
 * `usageMetadata`, the same under the names of gateways, or Ollama's and llama.cpp's counts at the top.
 * Usage inside a choice is found by `findChoiceUsage`.
 */
export function findUsage(answer: JsonObject): JsonObject | undefined {
  const usual = asObject(answer["usage"]);
  if (usual !== undefined) return innermost(usual);
  return (
    named(answer, USAGE_NAME) ?? inMembers(answer) ?? atTop(answer) ?? named(answer, COUNTS_NAME)
  );
}

/** Finds the usage of a choice, beside its message or inside. */
export function findChoiceUsage(choice: JsonObject | undefined): JsonObject | undefined {
  if (choice === undefined) return undefined;
  const words = asObject(choice["delta"]) ?? asObject(choice["message"]);
  return asObject(choice["usage"]) ?? asObject(words?.["usage"]);
}

/** Opens `{"usage":{"usage":…}}`, and Cohere's `{"usage":{"tokens":…}}`. */
function innermost(usage: JsonObject): JsonObject {
  return asObject(usage["usage"]) ?? asObject(usage["tokens"]) ?? usage;
}

function named(answer: JsonObject, pattern: RegExp): JsonObject | undefined {
  for (const [name, value] of Object.entries(answer)) {
    if (value === null || value === undefined || !pattern.test(name)) continue;
    const object = readObject(value);
    if (object !== undefined) return innermost(object);
  }
  return undefined;
}

function inMembers(answer: JsonObject): JsonObject | undefined {
  for (const [name, value] of Object.entries(answer)) {
    const member = name === "choices" ? undefined : asObject(value);
    const usage = member === undefined ? undefined : asObject(member["usage"]);
    if (usage !== undefined) return usage;
  }
  return undefined;
}

function atTop(answer: JsonObject): JsonObject | undefined {
  const isCounted =
    answer["eval_count"] !== undefined ||
    answer["prompt_eval_count"] !== undefined ||
    answer["tokens_predicted"] !== undefined;
  return isCounted ? answer : undefined;
}

/** Takes an object, the first of a list, or the JSON text of one. */
function readObject(value: unknown): JsonObject | undefined {
  if (Array.isArray(value)) return asObject(value[0]);
  if (typeof value !== "string" || !value.startsWith("{")) return asObject(value);
  return asObject(parseJson(value));
}
