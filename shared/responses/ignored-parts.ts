import type { JsonObject } from "../json/json-object.ts";
import { declaredTools } from "./declared-tools.ts";

/**
 * Whether a tool can be left out with a word to the caller: a web search that may not leave its
 * provider's own cache, as Codex CLI declares it in every request, and a provider's search for
 * tools that are declared anyway.
 */
export function isIgnoredTool(tool: JsonObject): boolean {
  if (tool["type"] === "tool_search") return tool["execution"] !== "client";
  const isSearch = typeof tool["type"] === "string" && tool["type"].startsWith("web_search");
  return isSearch && tool["external_web_access"] === false;
}

/**
 * What a response loses when it is translated to a chat completion, in words for a header; empty:
 * nothing. What a caller could not do without is refused instead, by `findUntranslatable`.
 */
export function ignoredParts(body: JsonObject): readonly string[] {
  const tools = declaredTools(body)
    .filter(({ tool }) => tool["type"] !== "tool_search" && isIgnoredTool(tool))
    .map(({ at, tool }) => `${at} (${String(tool["type"])})`);
  const truncation = body["truncation"] === "auto" ? ["truncation"] : [];
  const compaction = body["context_management"] == null ? [] : ["context_management"];
  return [...tools, ...truncation, ...compaction];
}
