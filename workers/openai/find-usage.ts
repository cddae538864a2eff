import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/**
 * Where an answer or a chunk tells its usage: OpenAI's `usage`, Groq's `x_groq.usage`, Gemini's
 * `usageMetadata`, or Ollama's counts at the top. A choice's own is not looked for here.
 */
export function findUsage(answer: JsonObject): JsonObject | undefined {
  return (
    asObject(answer["usage"]) ??
    asObject(asObject(answer["x_groq"])?.["usage"]) ??
    asObject(answer["usageMetadata"]) ??
    asObject(answer["usage_metadata"]) ??
    (typeof answer["eval_count"] === "number" ? answer : undefined)
  );
}
