import { asObject, stringAt, type JsonObject } from "../json/json-object.ts";
import { isCompleteJson } from "../json/json-object.ts";
import { joinedArguments, joinedName } from "./call-texts.ts";
import type { Merged } from "./merge-piece.ts";

/** The change that one piece has made to the tool calls of a message. */
export interface AddedPiece {
  /** The index of the call among the calls of the message. */
  readonly place: number;
  readonly isNew: boolean;
  readonly name: string;
  readonly arguments: string;
}

/**
 * Adds a piece of a tool call to the calls of a message. A piece belongs to the last call with its
 * index. A piece begins a new call when it brings another id, or a name after complete arguments,
 * since some engines number every call 0. Returns undefined for a piece that repeats its call: such
 * a piece is dropped.
 */
export function mergeCall(
  calls: Merged[],
  piece: JsonObject,
  position: number,
): AddedPiece | undefined {
  const index = typeof piece["index"] === "number" ? piece["index"] : undefined;
  const call =
    index === undefined
      ? findUnnumbered(calls, piece, position)
      : calls.findLast((each) => each["index"] === index);
  if (call === undefined || beginsAnother(call, piece)) {
    calls.push(begun(piece, index ?? position));
    const added = { name: nameOf(piece), arguments: argumentsOf(piece) };
    return { place: calls.length - 1, isNew: true, ...added };
  }
  if (isRepeated(call, piece)) return undefined;
  const [name, text] = [nameOf(call), argumentsOf(call)];
  extend(call, piece);
  return {
    place: calls.indexOf(call),
    isNew: false,
    name: restOf(nameOf(call), name),
    arguments: restOf(argumentsOf(call), text),
  };
}

function restOf(text: string, before: string): string {
  return text.startsWith(before) ? text.slice(before.length) : text;
}

function findUnnumbered(
  calls: readonly Merged[],
  piece: JsonObject,
  position: number,
): Merged | undefined {
  const id = stringAt(piece, "id");
  const open = calls.at(-1);
  if (id !== "")
    return (
      calls.findLast((each) => each["id"] === id) ??
      (open !== undefined && !beginsAnother(open, piece) ? open : undefined)
    );
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
  const name = nameOf(piece);
  const isComplete = () => isCompleteJson(argumentsOf(call));
  // Some engines send a new id with every piece, so another id alone does not begin a new call.
  if (id !== "" && stringAt(call, "id") !== "")
    return id !== call["id"] && (name !== "" || functionOf(piece) === undefined || isComplete());
  return name !== "" && nameOf(call) !== "" && !isRepeated(call, piece) && isComplete();
}

/** Some gateways send a call twice, with the same name, arguments and id. */
function isRepeated(call: Merged, piece: JsonObject): boolean {
  const name = nameOf(piece);
  const text = argumentsOf(piece);
  return (
    name !== "" &&
    text !== "" &&
    name === nameOf(call) &&
    text === argumentsOf(call) &&
    stringAt(piece, "id") === stringAt(call, "id") &&
    stringAt(piece, "id") !== ""
  );
}

function extend(call: Merged, piece: JsonObject): void {
  const { function: _, index: __, custom, ...rest } = piece;
  for (const name of Object.keys(rest))
    if (rest[name] != null && rest[name] !== "") call[name] = rest[name];
  if (custom != null) call["custom"] = joinedCustom(asObject(call["custom"]), asObject(custom));
  const more = functionOf(piece);
  if (more === undefined) return;
  const made = (functionOf(call) ?? {}) as Merged;
  call["function"] = {
    ...made,
    ...more,
    name: joinedName(stringAt(made, "name"), stringAt(more, "name")),
    arguments: joinedArguments(argumentsOf(call), argumentsOf(piece)),
  };
}

/** Joins the call of a custom tool, whose input is free text. */
function joinedCustom(before: JsonObject = {}, piece: JsonObject = {}): JsonObject {
  const name = joinedName(stringAt(before, "name"), stringAt(piece, "name"));
  return { ...before, ...piece, name, input: stringAt(before, "input") + stringAt(piece, "input") };
}

function nameOf(call: JsonObject): string {
  return stringAt(functionOf(call) ?? {}, "name");
}

function functionOf(call: JsonObject): JsonObject | undefined {
  return asObject(call["function"]);
}

/** Returns the arguments as text. Arguments that came as an object are written as JSON. */
export function argumentsOf(call: JsonObject): string {
  const made = functionOf(call);
  const given = made?.["arguments"] ?? made?.["parameters"] ?? made?.["args"];
  if (given === undefined || given === null) return "";
  return typeof given === "string" ? given : JSON.stringify(given);
}
