import { asObject, stringAt, type JsonObject } from "../../shared/json/json-object.ts";
import type { Merged } from "./merge-piece.ts";

/**
 * Adds a piece of a tool call to those of a message. A piece belongs to the last call with its
 * index. It begins a call of its own when it brings another id, or a name after complete arguments
 * (engines that number every call 0); it is dropped when it says the same once more.
 */
export function mergeCall(calls: Merged[], piece: JsonObject, position: number): void {
  const index = typeof piece["index"] === "number" ? piece["index"] : undefined;
  const call =
    index === undefined
      ? findUnnumbered(calls, piece, position)
      : calls.findLast((each) => each["index"] === index);
  if (call === undefined || beginsAnother(call, piece)) calls.push(begun(piece, index ?? position));
  else if (!isRepeated(call, piece)) extend(call, piece);
}

function findUnnumbered(
  calls: readonly Merged[],
  piece: JsonObject,
  position: number,
): Merged | undefined {
  const id = stringAt(piece, "id");
  if (id !== "") return calls.findLast((each) => each["id"] === id);
  return calls.findLast((each) => each["index"] === position) ?? calls.at(-1);
}

function begun(piece: JsonObject, index: number): Merged {
  const made = functionOf(piece);
  return {
    ...piece,
    index,
    ...(made === undefined
      ? {}
      : { function: { ...made, name: stringAt(made, "name"), arguments: argumentsOf(piece) } }),
  };
}

function beginsAnother(call: Merged, piece: JsonObject): boolean {
  const id = stringAt(piece, "id");
  if (id !== "" && stringAt(call, "id") !== "") return id !== call["id"];
  const name = stringAt(functionOf(piece) ?? {}, "name");
  return name !== "" && !isRepeated(call, piece) && isCompleteJson(argumentsOf(call));
}

/** The very same name and arguments under the same id, as some gateways send them twice. */
function isRepeated(call: Merged, piece: JsonObject): boolean {
  const name = stringAt(functionOf(piece) ?? {}, "name");
  const text = argumentsOf(piece);
  return (
    name !== "" &&
    text !== "" &&
    name === stringAt(functionOf(call) ?? {}, "name") &&
    text === argumentsOf(call) &&
    stringAt(piece, "id") === stringAt(call, "id") &&
    stringAt(piece, "id") !== ""
  );
}

function extend(call: Merged, piece: JsonObject): void {
  const { function: _, index: __, ...rest } = piece;
  for (const name of Object.keys(rest))
    if (rest[name] != null && rest[name] !== "") call[name] = rest[name];
  const more = functionOf(piece);
  if (more === undefined) return;
  const made = (functionOf(call) ?? {}) as Merged;
  const name = stringAt(more, "name");
  const before = stringAt(made, "name");
  call["function"] = {
    ...made,
    ...more,
    name: name === before ? before : before + name,
    arguments: argumentsOf(call) + argumentsOf(piece),
  };
}

function functionOf(call: JsonObject): JsonObject | undefined {
  return asObject(call["function"]);
}

/** Arguments that came as an object are written as the JSON text that they stand for. */
function argumentsOf(call: JsonObject): string {
  const given = functionOf(call)?.["arguments"];
  if (given === undefined || given === null) return "";
  return typeof given === "string" ? given : JSON.stringify(given);
}

function isCompleteJson(text: string): boolean {
  if (!text.trimEnd().endsWith("}")) return false;
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}
