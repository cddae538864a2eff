import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { mergeCall } from "./merge-call.ts";

/** An object that grows with the pieces of a stream. */
export type Merged = Record<string, unknown>;

/** Texts that come whole, or again and again, and are never continued. */
const labels = new Set(["id", "type", "role", "object", "model", "format", "status", "channel"]);

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
  if (typeof value === "string") {
    if (typeof before !== "string") return value;
    return labels.has(name) ? value || before : before + value;
  }
  if (Array.isArray(value)) return joinedList(Array.isArray(before) ? before : [], value);
  const object = asObject(value);
  if (object === undefined) return value;
  const into = (asObject(before) ?? {}) as Merged;
  mergePiece(into, object);
  return into;
}

function joinedList(before: unknown[], pieces: readonly unknown[]): unknown[] {
  for (const piece of pieces) {
    const object = asObject(piece);
    const index = object?.["index"];
    const same =
      typeof index === "number"
        ? before.find((each) => asObject(each)?.["index"] === index)
        : undefined;
    if (object === undefined || same === undefined) before.push(piece);
    else mergePiece(same as Merged, object);
  }
  return before;
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
