import { asObject, type JsonObject } from "../json/json-object.ts";
import { clientTools, isClientTool } from "../responses/client-tools.ts";
import { declaredTools } from "../responses/declared-tools.ts";
import { isIgnoredTool } from "../responses/ignored-parts.ts";
import { MAX_NAME_LENGTH } from "../responses/tool-table.ts";

/** Templates write instructions of so many tokens once there is a tool. */
const PREAMBLE_TOKENS = 256;
/** Templates write so many tokens around a tool's own JSON. */
const TOKENS_PER_TOOL = 64;
/** So many tokens are written around free text so that a function can take it. */
const CUSTOM_TOKENS = 320;

/** Returns the most tokens that a request's tools add to those of its text. */
export function toolTokens(fields: JsonObject): number {
  const tools = declaredTools(fields);
  const { functions } = fields;
  // The field is the older form of tools in chat completions.
  const legacy = Array.isArray(functions) ? functions.length : 0;
  if (tools.length + legacy === 0) return 0;
  return tools.reduce(
    (sum, { tool, namespace }) => {
      const name = namespace === undefined ? 0 : MAX_NAME_LENGTH;
      return sum + TOKENS_PER_TOOL + name + tokensOfType(tool);
    },
    PREAMBLE_TOKENS + TOKENS_PER_TOOL * legacy,
  );
}

/**
 * Returns true when a provider runs any of the tools. The results of such tools enter the context
 * unseen.
 */
export function hasProviderTools(fields: JsonObject): boolean {
  return declaredTools(fields).some(
    ({ tool }) => !callerTypes.has(tool["type"]) && !isClientTool(tool),
  );
}

/** Returns the same request without the tools that a provider may leave out. */
export function withoutIgnoredTools(body: JsonObject): JsonObject {
  const { tools, input } = body;
  return {
    ...body,
    ...(Array.isArray(tools) ? { tools: kept(tools) } : {}),
    ...(Array.isArray(input) ? { input: (input as unknown[]).map(withKeptTools) } : {}),
  };
}

function withKeptTools(item: unknown): unknown {
  const tools = asObject(item)?.["tools"];
  return Array.isArray(tools) ? { ...(item as JsonObject), tools: kept(tools) } : item;
}

function kept(tools: readonly unknown[]): readonly unknown[] {
  return tools.filter((tool) => !isIgnoredTool(asObject(tool) ?? {}));
}

/** A group's own entry adds nothing. A group that cannot be opened is refused elsewhere. */
const callerTypes = new Set<unknown>(["function", "custom", "namespace", undefined]);

function tokensOfType(tool: JsonObject): number {
  if (tool["type"] === "custom") return CUSTOM_TOKENS;
  const own = isClientTool(tool) ? clientTools.get(String(tool["type"])) : undefined;
  return own === undefined
    ? 0
    : Buffer.byteLength(own.description + JSON.stringify(own.parameters));
}
