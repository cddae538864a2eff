import { asObject, stringAt, type JsonObject } from "../json/json-object.ts";
import { mergeCall } from "./merge-call.ts";

/** An object that grows with the pieces of a stream. */
export type Merged = Record<string, unknown>;

/** Texts that come whole, or again and again, and are never continued. */
const labels = new Set(["id", "type", "role", "object", "model", "format", "status", "channel"]);

/** Parts without an index that go on in the next piece: Mistral's content, LiteLLM's thinking blocks. */
const growing = new Set(["text", "thinking"]);

/**
 * Adds a piece of a stream to what has come: texts are continued, lists appended or merged by their
 * items' `index`, objects merged; of everything else the last counts. Members that nobody here knows
 * are treated alike.
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
    // Mistral's thoughts are parts, and the words after them are texts.
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

/** Whether a piece is more of an item: of its index and kind, or of a kind that grows. */
function goesOn(value: unknown, piece: JsonObject): boolean {
  const item = asObject(value);
  if (item === undefined || item["index"] !== piece["index"]) return false;
  const [type, next] = [stringAt(item, "type"), stringAt(piece, "type")];
  // OpenRouter tells a summary and its sealed form under one index.
  if (typeof piece["index"] === "number") return type === "" || next === "" || type === next;
  // A signature seals a thought; the next is another one.
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

/** Arguments that came as an object are written as the JSON text that they stand for. */
function legacyCall(value: unknown): unknown {
  const call = asObject(value);
  const given = call?.["arguments"];
  return asObject(given) === undefined ? value : { ...call, arguments: JSON.stringify(given) };
}
