import { asObject, type JsonObject } from "../json/json-object.ts";

/** A tool that a response request declares, wherever it stands. */
export interface DeclaredTool {
  /** Where it stands in the request, such as `tools[2].tools[0]`. */
  readonly at: string;
  /** In the shape of responses: the name beside the type. */
  readonly tool: JsonObject;
  /** The group that it belongs to. */
  readonly namespace?: string;
}

/** Items that bring tools with them: `tools` of `additional_tools` and of a search for tools. */
const bringers: ReadonlySet<unknown> = new Set(["additional_tools", "tool_search_output"]);

/** All tools of a response request, namespaces opened, in their order. */
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

/** A tool in the shape of chat completions, whose fields stand one level deeper, as a response's. */
export function flatTool(tool: JsonObject): JsonObject {
  const { type } = tool;
  if ((type !== "function" && type !== "custom") || isName(tool["name"])) return tool;
  const inner = asObject(tool[type]);
  return inner === undefined ? tool : { ...inner, type };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
