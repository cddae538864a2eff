import { asObject, type JsonObject } from "../json/json-object.ts";

/**
 * One of OpenAI's own tools that the caller runs, in the form of a function that any model can
 * call.
 */
export interface ClientTool {
  readonly call: string;
  readonly output: string;
  readonly description: string;
  readonly parameters: JsonObject;
  /**
   * Returns the fields of a call item beside id, status and call id. Undefined when the arguments
   * do not fit the tool.
   */
  fieldsOf(given: JsonObject): JsonObject | undefined;
  /** Returns the arguments that a call item holds. */
  argumentsOf(item: JsonObject): unknown;
}

const text = { type: "string" };
const count = { type: "integer" };

function schema(properties: JsonObject, required: readonly string[]): JsonObject {
  return { type: "object", properties, required, additionalProperties: false };
}

const localShell: ClientTool = {
  call: "local_shell_call",
  output: "local_shell_call_output",
  description: "Runs a command on the user's machine.",
  parameters: schema(
    { command: { type: "array", items: text }, working_directory: text, timeout_ms: count },
    ["command"],
  ),
  fieldsOf: (given) =>
    Array.isArray(given["command"])
      ? { action: { type: "exec", env: {}, ...given, command: given["command"].map(String) } }
      : undefined,
  argumentsOf: (item) => without(item["action"], ["type", "env"]),
};

const shell: ClientTool = {
  call: "shell_call",
  output: "shell_call_output",
  description: "Runs shell commands on the user's machine, one after the other.",
  parameters: schema({ commands: { type: "array", items: text }, timeout_ms: count }, ["commands"]),
  fieldsOf: (given) =>
    Array.isArray(given["commands"])
      ? {
          action: {
            max_output_length: null,
            timeout_ms: null,
            ...given,
            commands: given["commands"].map(String),
          },
          environment: { type: "local" },
        }
      : undefined,
  argumentsOf: (item) => without(item["action"], ["max_output_length"]),
};

const operations = ["create_file", "update_file", "delete_file"];

const applyPatch: ClientTool = {
  call: "apply_patch_call",
  output: "apply_patch_call_output",
  description:
    "Creates, updates or deletes one file. 'diff' is the change in V4A format: context lines, and lines that begin with + or -; a new file has + lines only.",
  parameters: schema({ type: { type: "string", enum: operations }, path: text, diff: text }, [
    "type",
    "path",
  ]),
  fieldsOf: (given) =>
    operations.includes(String(given["type"])) && typeof given["path"] === "string"
      ? { operation: given }
      : undefined,
  argumentsOf: (item) => item["operation"],
};

const toolSearch: ClientTool = {
  call: "tool_search_call",
  output: "tool_search_output",
  description: "Searches for tools that are not listed yet.",
  parameters: schema({ query: text }, ["query"]),
  fieldsOf: (given) => ({ execution: "client", arguments: given }),
  argumentsOf: (item) => item["arguments"],
};

/** The client tools by their type, which is also the name of the function. */
export const clientTools: ReadonlyMap<string, ClientTool> = new Map([
  ["local_shell", localShell],
  ["shell", shell],
  ["apply_patch", applyPatch],
  ["tool_search", toolSearch],
]);

/** Returns true when the caller runs this tool, and not the provider. */
export function isClientTool(tool: JsonObject): boolean {
  const { type } = tool;
  if (typeof type !== "string" || !clientTools.has(type)) return false;
  if (type === "tool_search") return tool["execution"] === "client";
  if (type !== "shell") return true;
  return tool["environment"] == null || asObject(tool["environment"])?.["type"] === "local";
}

/** Finds the client tool that an item of this type calls, with its name. */
export function clientToolOfCall(type: unknown): readonly [string, ClientTool] | undefined {
  return [...clientTools].find(([, tool]) => tool.call === type);
}

/** Returns true for the type of an item that holds the output of a client tool. */
export function isClientToolOutput(type: unknown): boolean {
  return [...clientTools.values()].some((tool) => tool.output === type);
}

function without(value: unknown, names: readonly string[]): JsonObject {
  const entries = Object.entries(asObject(value) ?? {});
  return Object.fromEntries(
    entries.filter(([name, each]) => !names.includes(name) && each != null),
  );
}
