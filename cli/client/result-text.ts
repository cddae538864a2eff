import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

/**
 * Returns the text of a chat completion, a completion or a response. Other results, such as
 * embeddings and tool calls, are returned unchanged.
 */
export function resultText(body: string): string {
  const result = asObject(JSON.parse(body)) ?? {};
  const text =
    result["object"] === "response"
      ? objectsIn(result["output"])
          .flatMap((item) => objectsIn(item["content"]))
          .map((part) => part["text"] ?? part["refusal"])
      : objectsIn(result["choices"])
          .slice(0, 1)
          .map((choice) => choice["text"] ?? asObject(choice["message"])?.["content"]);
  const said = text.filter((part) => typeof part === "string");
  return said.length === 0 ? body : said.join("");
}

function objectsIn(value: unknown): JsonObject[] {
  if (!Array.isArray(value)) return [];
  return (value as unknown[]).map(asObject).filter((item) => item !== undefined);
}
