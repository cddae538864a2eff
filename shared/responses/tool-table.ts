import { hash } from "node:crypto";
import { stringAt, type JsonObject } from "../json/json-object.ts";
import { clientTools, isClientTool } from "./client-tools.ts";
import { declaredTools, type DeclaredTool } from "./declared-tools.ts";

/** What a function of a chat completion stands for in the response. */
export interface CalledTool {
  /** `custom` takes free text; all others but `function` are types of client tools. */
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** The tools of a response request as functions, which is all that chat completions know. */
export interface ToolTable {
  /** As `tools` of a chat completion. */
  readonly functions: readonly JsonObject[];
  /** Whether a function of this name was declared. */
  has(functionName: string): boolean;
  /** What a call of this function is a call of; of an unknown one: a function of that name. */
  calledBy(functionName: string): CalledTool;
}

/** Names of functions are no longer at OpenAI and at most engines. */
export const MAX_NAME_LENGTH = 64;

/** The function that stands for a tool of a namespace; the same in every turn. */
export function functionName(name: string, namespace?: string): string {
  if (namespace === undefined || namespace === "") return name;
  const joined = `${namespace}${namespace.endsWith("__") ? "" : "__"}${name}`;
  const plain = joined.replaceAll(/[^a-zA-Z0-9_-]/g, "_");
  if (plain === joined && plain.length <= MAX_NAME_LENGTH) return plain;
  const mark = hash("sha256", joined).slice(0, 8);
  return `${plain.slice(0, MAX_NAME_LENGTH - 1 - mark.length)}_${mark}`;
}

/** Of a request that `findToolProblem` has let through. */
export function toolTable(body: JsonObject): ToolTable {
  const called = new Map<string, CalledTool>();
  const functions = new Map<string, JsonObject>();
  for (const declared of declaredTools(body)) {
    const tool = calledTool(declared);
    if (tool === undefined) continue;
    const name = functionName(tool.name, tool.namespace);
    called.set(name, tool);
    functions.set(name, { type: "function", function: { name, ...describe(declared.tool) } });
  }
  return {
    functions: [...functions.values()],
    has: (name) => functions.has(name),
    calledBy: (name) => called.get(name) ?? { kind: "function", name },
  };
}

function calledTool({ tool, namespace }: DeclaredTool): CalledTool | undefined {
  const { type } = tool;
  const name = stringAt(tool, "name");
  if (type === "function" || type === "custom")
    return { kind: type, name, ...(namespace === undefined ? {} : { namespace }) };
  return isClientTool(tool) ? { kind: String(type), name: String(type) } : undefined;
}

/** A function's fields beside its name. */
function describe(tool: JsonObject): JsonObject {
  if (tool["type"] === "function") return pick(tool, ["description", "parameters", "strict"]);
  if (tool["type"] === "custom")
    return { description: customDescription(tool), parameters: customParameters };
  const own = clientTools.get(stringAt(tool, "type"));
  return {
    description: tool["description"] ?? own?.description,
    parameters: tool["parameters"] ?? own?.parameters,
  };
}

const customParameters = {
  type: "object",
  properties: { input: { type: "string", description: "The whole input, as plain text." } },
  required: ["input"],
  additionalProperties: false,
};

/** Engines do not bind free text to a grammar, so that the model must be told of it. */
function customDescription(tool: JsonObject): string {
  const format = tool["format"] as JsonObject | null | undefined;
  const definition = format == null ? "" : stringAt(format, "definition");
  const grammar =
    definition === ""
      ? ""
      : `The input must follow this ${stringAt(format ?? {}, "syntax")} grammar:\n${definition}`;
  return [stringAt(tool, "description"), grammar].filter((each) => each !== "").join("\n\n");
}

function pick(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.filter((name) => object[name] != null).map((name) => [name, object[name]]),
  );
}
