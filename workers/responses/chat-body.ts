import type { ProviderConfig } from "../../config/config.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { chatMessages } from "./chat-messages.ts";

/** Fields of a response request that chat completions do not have or have under another name. */
const consumed = new Set([
  "background",
  "context_management",
  "conversation",
  "include",
  "input",
  "instructions",
  "max_output_tokens",
  "max_tool_calls",
  "metadata",
  "model",
  "moderation",
  "parallel_tool_calls",
  "previous_response_id",
  "prompt",
  "reasoning",
  "service_tier",
  "store",
  "stream",
  "stream_options",
  "text",
  "tool_choice",
  "tools",
  "top_logprobs",
  "truncation",
]);

export interface ChatTarget {
  readonly model: string;
  readonly maxOutputTokens: number | null;
  readonly maxTokensField: ProviderConfig["maxTokensField"];
}

/**
 * A response request as a streamed chat completion of the same meaning; `findUntranslatable` has
 * let it through. Fields that only chat knows, such as `seed` or `stop`, pass as they are.
 */
export function chatBody(body: JsonObject, target: ChatTarget): string {
  const rest = Object.entries(body).filter(([name, value]) => !consumed.has(name) && value != null);
  const text = asObject(body["text"]);
  const format = responseFormat(asObject(text?.["format"]));
  const effort = asObject(body["reasoning"])?.["effort"];
  return JSON.stringify({
    model: target.model,
    ...(target.maxOutputTokens === null ? {} : { [target.maxTokensField]: target.maxOutputTokens }),
    stream: true,
    stream_options: { include_usage: true },
    messages: chatMessages(body["instructions"], body["input"]),
    ...toolFields(body),
    ...(format === undefined ? {} : { response_format: format }),
    ...(effort == null ? {} : { reasoning_effort: effort }),
    ...(text?.["verbosity"] == null ? {} : { verbosity: text["verbosity"] }),
    ...Object.fromEntries(rest),
  });
}

/** Without tools, chat completions refuse the fields about them. */
function toolFields(body: JsonObject): JsonObject {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel } = body;
  if (!Array.isArray(tools) || tools.length === 0) return {};
  return {
    tools: (tools as unknown[]).map((each) => chatTool(asObject(each) ?? {})),
    ...(choice == null ? {} : { tool_choice: chatChoice(choice) }),
    ...(parallel == null ? {} : { parallel_tool_calls: parallel }),
  };
}

function chatTool(tool: JsonObject): JsonObject {
  return {
    type: "function",
    function: pick(tool, ["name", "description", "parameters", "strict"]),
  };
}

function chatChoice(choice: unknown): unknown {
  const name = asObject(choice)?.["name"];
  return name === undefined ? choice : { type: "function", function: { name } };
}

function responseFormat(format: JsonObject | undefined): JsonObject | undefined {
  if (format?.["type"] === "json_object") return { type: "json_object" };
  if (format?.["type"] !== "json_schema") return undefined;
  return {
    type: "json_schema",
    json_schema: pick(format, ["name", "description", "schema", "strict"]),
  };
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.filter((name) => object[name] != null).map((name) => [name, object[name]]),
  );
}
