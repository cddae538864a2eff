import type { ProviderConfig } from "../../../config/config.ts";
import { passedFields } from "../../../shared/requests/upstream-body.ts";
import { asObject, type JsonObject } from "../../../shared/json/json-object.ts";
import { flatTool } from "../../../shared/responses/declared-tools.ts";
import { upstreamItemId } from "../../../shared/responses/item-id.ts";

export interface NativeTarget {
  readonly model: string;
  readonly maxOutputTokens: number | null;
  readonly location: ProviderConfig["location"];
  /** The caller's own `stream_options` as JSON text, if any. */
  readonly streamOptions?: string;
}

/**
 * Writes a response request for an upstream that serves responses itself. The upstream keeps
 * nothing (`store: false`), so the body holds everything that the caller refers to, without ids
 * that only the broker knows.
 */
export function nativeBody(body: JsonObject, target: NativeTarget): string {
  const { input, tools } = body;
  return JSON.stringify({
    ...passedFields("responses", body),
    model: target.model,
    stream: true,
    store: false,
    ...(target.maxOutputTokens === null ? {} : { max_output_tokens: target.maxOutputTokens }),
    ...(target.streamOptions === undefined
      ? {}
      : { stream_options: JSON.parse(target.streamOptions) as unknown }),
    ...(Array.isArray(tools) ? { tools: (tools as JsonObject[]).map(flatTool) } : {}),
    ...(Array.isArray(input) ? { input: nativeItems(input, target) } : {}),
  });
}

function nativeItems(input: readonly unknown[], target: NativeTarget): readonly unknown[] {
  return input.flatMap((each): readonly unknown[] => {
    const item = asObject(each);
    if (item === undefined) return [each];
    if (item["type"] === "reasoning") return nativeReasoning(item, target);
    // The member may come from another upstream, which made the call.
    const { extra_content: _extra, ...own } = item;
    return [withoutId(own)];
  });
}

/**
 * Upstreams answer 404 for the id of a reasoning item that they do not keep, unless its encrypted
 * content comes along, which is valid with its own id only. Local engines read plain reasoning.
 */
function nativeReasoning(item: JsonObject, { location }: NativeTarget): readonly JsonObject[] {
  const plain = item["content"];
  const readable = location === "local" && Array.isArray(plain) && plain.length > 0;
  if (typeof item["encrypted_content"] !== "string" && !readable) return [];
  const { id } = item;
  return [typeof id === "string" ? { ...item, id: upstreamItemId(id) } : item];
}

/** Items of these types mean the same without their id; others refer to each other by it. */
const TYPES_WITHOUT_ID: ReadonlySet<unknown> = new Set([
  "message",
  "function_call",
  "function_call_output",
]);

function withoutId(item: JsonObject): JsonObject {
  const { id, ...rest } = item;
  if (typeof id !== "string") return item;
  return TYPES_WITHOUT_ID.has(item["type"] ?? "message")
    ? rest
    : { ...item, id: upstreamItemId(id) };
}
