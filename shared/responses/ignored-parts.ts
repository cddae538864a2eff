import type { JsonObject } from "../json/json-object.ts";
import { declaredTools } from "./declared-tools.ts";

/**
 * Returns true for a tool that can be left out with a note to the caller. This is a web search that
 * may not leave its provider's own cache, which Codex CLI declares in every request, or a
 * provider's search for tools that are declared anyway.
 */
export function isIgnoredTool(tool: JsonObject): boolean {
  if (tool["type"] === "tool_search") return tool["execution"] !== "client";
  const isSearch = typeof tool["type"] === "string" && tool["type"].startsWith("web_search");
  return isSearch && tool["external_web_access"] === false;
}

/**
 * Lists the parts that a response loses when it is translated to a chat completion, in words for a
 * header. Parts that a caller cannot do without are refused by `findUntranslatable`.
 */
export function ignoredParts(body: JsonObject): readonly string[] {
  const tools = declaredTools(body)
    .filter(({ tool }) => tool["type"] !== "tool_search" && isIgnoredTool(tool))
    .map(({ at, tool }) => `${at} (${String(tool["type"])})`);
  const truncation = body["truncation"] === "auto" ? ["truncation"] : [];
  const compaction = body["context_management"] == null ? [] : ["context_management"];
  return [...tools, ...truncation, ...compaction];
}
