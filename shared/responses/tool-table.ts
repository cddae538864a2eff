import { hash } from "node:crypto";
import { stringAt, type JsonObject } from "../json/json-object.ts";
import { clientTools, isClientTool } from "./client-tools.ts";
import { declaredTools, type DeclaredTool } from "./declared-tools.ts";

/** A chat completion's function represents this tool. */
export interface CalledTool {
  /** `custom` takes free text. All other kinds except `function` are types of client tools. */
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** The tools of a response request as functions, since chat completions have no other tools. */
export interface ToolTable {
  /** The `tools` of the chat completion. */
  readonly functions: readonly JsonObject[];
  /** Returns true when a function of this name was declared. */
  has(functionName: string): boolean;
  /**
   * Returns the tool that this function represents. An unknown function counts as a function tool
   * of that name.
   */
  calledBy(functionName: string): CalledTool;
}

/** OpenAI and most engines allow no longer name of a function. */
export const MAX_NAME_LENGTH = 64;

/** Returns the name of the function for a tool of a namespace. It is the same in every turn. */
export function functionName(name: string, namespace?: string): string {
  if (namespace === undefined || namespace === "") return name;
  const joined = `${namespace}${namespace.endsWith("__") ? "" : "__"}${name}`;
  const plain = joined.replaceAll(/[^a-zA-Z0-9_-]/g, "_");
  if (plain === joined && plain.length <= MAX_NAME_LENGTH) return plain;
  const mark = hash("sha256", joined).slice(0, 8);
  return `${plain.slice(0, MAX_NAME_LENGTH - 1 - mark.length)}_${mark}`;
}

/** Makes the table for a request in which `findToolProblem` found no problem. */
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

/** Returns the fields of a function beside its name. */
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

/** Engines do not apply a grammar to free text, so the description tells the model about it. */
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
