import type { ProviderConfig } from "../../../config/config.ts";
import { passedFields } from "../../../shared/requests/upstream-body.ts";
import { asObject, stringAt, type JsonObject } from "../../../shared/json/json-object.ts";
import { flatTool } from "../../../shared/responses/declared-tools.ts";
import { functionName, toolTable, type ToolTable } from "../../../shared/responses/tool-table.ts";
import { chatMessages, type ReasoningField } from "./chat-messages.ts";

/** Chat completions lack these fields of a response request, or name them otherwise. */
const CONSUMED = new Set([
  "background",
  "client_metadata",
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
  /** Fields in which this upstream takes back its model's reasoning. */
  readonly reasoningFields?: readonly ReasoningField[];
  /** The upstream takes tool calls back with the members that it gave them itself. */
  readonly takesExtras?: boolean;
  /** The upstream can report exact usage with every chunk, so the body asks for it. */
  readonly continuousUsage?: boolean;
}

/**
 * Writes a response request as a streamed chat completion of the same meaning. `findUntranslatable` has
 * let it through. Fields that only chat knows, such as `seed` or `stop`, pass as they are.
 */
export function chatBody(body: JsonObject, target: ChatTarget): string {
  const rest = Object.entries(passedFields("responses", body)).filter(
    ([name, value]) => !CONSUMED.has(name) && value != null,
  );
  const text = asObject(body["text"]);
  const format = responseFormat(asObject(text?.["format"]));
  const effort = asObject(body["reasoning"])?.["effort"];
  return JSON.stringify({
    ...Object.fromEntries(rest),
    model: target.model,
    ...(target.maxOutputTokens === null ? {} : { [target.maxTokensField]: target.maxOutputTokens }),
    stream: true,
    stream_options: {
      include_usage: true,
      ...(target.continuousUsage === true ? { continuous_usage_stats: true } : {}),
    },
    messages: chatMessages(
      body["instructions"],
      body["input"],
      target.reasoningFields,
      target.takesExtras,
    ),
    ...toolFields(body),
    ...(format === undefined ? {} : { response_format: format }),
    ...(effort == null ? {} : { reasoning_effort: effort }),
    ...(text?.["verbosity"] == null ? {} : { verbosity: text["verbosity"] }),
  });
}

/** Writes the fields about tools. Chat completions refuse them where there are no tools. */
function toolFields(body: JsonObject): JsonObject {
  const { tool_choice: choice, parallel_tool_calls: parallel } = body;
  const table = toolTable(body);
  const { functions, mode } = allowed(table, choice);
  if (functions.length === 0) return {};
  return {
    tools: functions,
    ...(mode == null ? {} : { tool_choice: mode }),
    ...(parallel == null ? {} : { parallel_tool_calls: parallel }),
  };
}

interface Allowed {
  readonly functions: readonly JsonObject[];
  /** A chat completion's `tool_choice`. */
  readonly mode: unknown;
}

/** Leaves out the tools that are not allowed, since every engine understands that. */
function allowed({ functions }: ToolTable, choice: unknown): Allowed {
  const object = asObject(choice);
  if (object === undefined) return { functions, mode: choice };
  if (object["type"] !== "allowed_tools")
    return { functions, mode: { type: "function", function: { name: chosenName(object) } } };
  const tools = Array.isArray(object["tools"]) ? (object["tools"] as unknown[]) : [];
  const names = new Set(tools.map((each) => chosenName(asObject(each) ?? {})));
  return {
    functions: functions.filter((each) => names.has(nameOf(each))),
    mode: object["mode"] ?? "auto",
  };
}

/** Returns the name of the function that a choice or a reference means. */
function chosenName(choice: JsonObject): string {
  const { name, type, namespace } = flatTool(choice);
  if (typeof name !== "string") return String(type);
  return functionName(name, typeof namespace === "string" ? namespace : undefined);
}

function nameOf(tool: JsonObject): string {
  return stringAt(asObject(tool["function"]) ?? {}, "name");
}

function responseFormat(format: JsonObject | undefined): JsonObject | undefined {
  if (format?.["type"] === "json_object") return { type: "json_object" };
  if (format?.["type"] !== "json_schema") return undefined;
  // In the shape of chat completions the fields are one level deeper.
  const fields = asObject(format["json_schema"]) ?? format;
  return {
    type: "json_schema",
    json_schema: pick(fields, ["name", "description", "schema", "strict"]),
  };
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.filter((name) => object[name] != null).map((name) => [name, object[name]]),
  );
}
