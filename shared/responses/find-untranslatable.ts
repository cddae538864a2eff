import { asObject, type JsonObject } from "../json/json-object.ts";
import { findInputProblem } from "./find-input-problem.ts";
import { findToolProblem } from "./find-tool-problem.ts";
import { named, untranslatable, type Untranslatable } from "./untranslatable.ts";

/** Values of `include` that only ask for parts that a translated answer never has. */
const harmlessIncludes = new Set([
  "reasoning.encrypted_content",
  "file_search_call.results",
  "web_search_call.action.sources",
  "web_search_call.results",
  "computer_call_output.output.image_url",
  "code_interpreter_call.outputs",
]);

/** Fields that need a provider with `/v1/responses`, whatever their value. */
const nativeOnly = ["prompt", "max_tool_calls", "top_logprobs", "moderation"] as const;

/** Finds the first part of a response request that chat completions cannot express, if any. */
export function findUntranslatable(body: JsonObject): Untranslatable | undefined {
  const field = nativeOnly.find((name) => asks(body[name]));
  if (field !== undefined) return untranslatable(field, `'${field}'`);
  return (
    findToolProblem(body) ??
    findFormatProblem(asObject(body["text"])?.["format"]) ??
    findIncludeProblem(body["include"]) ??
    findInputProblem(body["input"])
  );
}

function asks(value: unknown): boolean {
  if (value == null || value === 0) return false;
  return !(Array.isArray(value) && value.length === 0);
}

function findFormatProblem(format: unknown): Untranslatable | undefined {
  const type = asObject(format)?.["type"];
  const known = ["text", "json_object", "json_schema", undefined];
  return known.includes(type as string | undefined)
    ? undefined
    : untranslatable("text.format.type", named("A text format", type));
}

function findIncludeProblem(include: unknown): Untranslatable | undefined {
  if (!Array.isArray(include)) return undefined;
  const index = (include as unknown[]).findIndex((each) => !harmlessIncludes.has(String(each)));
  return index === -1 ? undefined : untranslatable(`include[${index}]`, "This");
}
