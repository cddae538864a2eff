import { asObject, stringAt, type JsonObject } from "../json/json-object.ts";
import { mergeCall } from "./merge-call.ts";

/** An object that a stream's pieces extend. */
export type Merged = Record<string, unknown>;

/** Texts of these names come whole, once or repeatedly, and are never continued. */
const labels = new Set(["id", "type", "role", "object", "model", "format", "status", "channel"]);

/**
 * Parts of these types have no index and continue in the next piece: Mistral's content and
 * LiteLLM's thinking blocks.
 */
const growing = new Set(["text", "thinking"]);

/**
 * Adds a piece of a stream to `into`. Texts are continued, objects are merged, and lists are
 * appended or merged by the `index` of their items. Of any other value the last one counts. Unknown
 * members are treated in the same way.
 */
export function mergePiece(into: Merged, piece: JsonObject): void {
  for (const name of Object.keys(piece)) {
    if (name === "__proto__") continue;
    const value = piece[name];
    into[name] =
      name === "tool_calls" && value != null
        ? mergeCalls(into[name], Array.isArray(value) ? value : [value])
        : joined(name, into[name], name === "function_call" ? legacyCall(value) : value);
  }
}

function joined(name: string, before: unknown, value: unknown): unknown {
  if (value === null || value === undefined) return before ?? null;
  const isContent = name === "content";
  if (typeof value === "string") {
    // Mistral sends its thoughts as parts, and the words after them as plain texts.
    if (isContent && Array.isArray(before)) return joinedList(before, textParts(value));
    if (typeof before !== "string") return value;
    return labels.has(name) ? value || before : before + value;
  }
  if (Array.isArray(value)) {
    const said = isContent && typeof before === "string" ? textParts(before) : [];
    return joinedList(Array.isArray(before) ? before : said, value);
  }
  const object = asObject(value);
  if (object === undefined) return value;
  const into = (asObject(before) ?? {}) as Merged;
  mergePiece(into, object);
  return into;
}

function textParts(text: string): JsonObject[] {
  return text === "" ? [] : [{ type: "text", text }];
}

function joinedList(before: unknown[], pieces: readonly unknown[]): unknown[] {
  for (const piece of pieces) {
    const object = asObject(piece) ?? {};
    const isNumbered = typeof object["index"] === "number";
    const open = isNumbered ? before : before.slice(-1);
    const same = open.findLast((each) => goesOn(each, object));
    if (same === undefined) before.push(piece);
    else mergePiece(same as Merged, object);
  }
  return before;
}

/** A piece continues an item with the same index and type, or the last item when its type grows. */
function goesOn(value: unknown, piece: JsonObject): boolean {
  const item = asObject(value);
  if (item === undefined || item["index"] !== piece["index"]) return false;
  const [type, next] = [stringAt(item, "type"), stringAt(piece, "type")];
  // OpenRouter sends a summary and its sealed form under one index.
  if (typeof piece["index"] === "number") return type === "" || next === "" || type === next;
  // A signature ends a thought, so the next piece begins another one.
  return type === next && growing.has(type) && !item["signature"];
}

function mergeCalls(before: unknown, pieces: readonly unknown[]): Merged[] {
  const calls = Array.isArray(before) ? (before as Merged[]) : [];
  for (const [position, each] of pieces.entries()) {
    const piece = asObject(each);
    if (piece !== undefined) mergeCall(calls, piece, position);
  }
  return calls;
}

/** Arguments that came as an object are written as JSON text. */
function legacyCall(value: unknown): unknown {
  const call = asObject(value);
  const given = call?.["arguments"];
  return asObject(given) === undefined ? value : { ...call, arguments: JSON.stringify(given) };
}
