import { asObject, type JsonObject } from "../json/json-object.ts";

/** A tool that a response request declares, in its `tools` or in an item of its input. */
export interface DeclaredTool {
  /** The tool's path, such as `tools[2].tools[0]`. */
  readonly at: string;
  /** The tool has the form of responses, with its name beside its type. */
  readonly tool: JsonObject;
  /** The namespace to which the tool belongs. */
  readonly namespace?: string;
}

/** The items that declare tools: `additional_tools`, and the output of a search for tools. */
const bringers: ReadonlySet<unknown> = new Set(["additional_tools", "tool_search_output"]);

/** Lists all tools of a response request in their order, including those in namespaces. */
export function declaredTools(body: JsonObject): readonly DeclaredTool[] {
  const { input } = body;
  const items = Array.isArray(input) ? (input as unknown[]) : [];
  const ofItems = items.flatMap((each, index) => {
    const item = asObject(each);
    return item !== undefined && bringers.has(item["type"])
      ? toolsAt(`input[${index}].tools`, item["tools"])
      : [];
  });
  return [...toolsAt("tools", body["tools"]), ...ofItems];
}

function toolsAt(at: string, tools: unknown, namespace?: string): readonly DeclaredTool[] {
  if (!Array.isArray(tools)) return [];
  return (tools as unknown[]).flatMap((each, index): readonly DeclaredTool[] => {
    const tool = flatTool(asObject(each) ?? {});
    const here = `${at}[${index}]`;
    const { type, name, tools: inner } = tool;
    if (type === "namespace" && namespace === undefined && isName(name) && Array.isArray(inner))
      return toolsAt(`${here}.tools`, inner, name);
    return [{ at: here, tool, ...(namespace === undefined ? {} : { namespace }) }];
  });
}

/**
 * Converts a tool of chat completions, whose fields are one level deeper, to the form of responses.
 */
export function flatTool(tool: JsonObject): JsonObject {
  const { type } = tool;
  if ((type !== "function" && type !== "custom") || isName(tool["name"])) return tool;
  const inner = asObject(tool[type]);
  return inner === undefined ? tool : { ...inner, type };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
