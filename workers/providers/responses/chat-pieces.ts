import { asObject, stringAt, type JsonObject } from "../../../shared/json/json-object.ts";
import type { TextKind } from "../../../shared/responses/item-events.ts";

/** Chat has reasoning as one text, and clients show it as a summary only. */
export type TextOfChat = Exclude<TextKind, "reasoning_text">;

/** A piece of a function call. What it lacks is empty. */
export interface CallPiece {
  /** The upstream's place for the call. */
  readonly index: number;
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  /** Gemini wants the signature of its reasoning back with the call. */
  readonly extra?: JsonObject;
}

/** A part of an answer. `unknown`: output that must not be lost, named in our words. */
export type ChatPiece =
  | { readonly kind: TextOfChat; readonly text: string }
  | { readonly kind: "call"; readonly call: CallPiece }
  | { readonly kind: "annotation"; readonly annotation: JsonObject }
  | { readonly kind: "unknown"; readonly what: string };

/** The old `function_call` has no index, and no other call beside it. */
const LEGACY_INDEX = 0;

/** A translated response has no place for the output in these fields. */
const MEDIA = ["audio", "images", "image", "video", "videos"];

/** Engines and gateways write reasoning in these fields, the most common first. */
const REASONING_FIELDS = ["reasoning_content", "reasoning", "thinking", "thought"];

/**
 * Splits a delta, or a whole message, into pieces of an answer. It knows the shapes in which engines and
 * gateways were seen to write them.
 */
export function chatPieces(message: JsonObject): readonly ChatPiece[] {
  const lost = MEDIA.filter((name) => holdsOutput(message[name]));
  return [
    ...reasoning(message),
    ...contentPieces(message["content"]),
    ...annotations(message["annotations"]),
    ...text("refusal", stringAt(message, "refusal")),
    ...callPieces(message),
    ...lost.map((name): ChatPiece => ({ kind: "unknown", what: `'${name}'` })),
  ];
}

function text(kind: TextOfChat, value: string): readonly ChatPiece[] {
  return value === "" ? [] : [{ kind, text: value }];
}

function reasoning(message: JsonObject): readonly ChatPiece[] {
  // Some gateways write the same text under two names.
  const named = REASONING_FIELDS.map((name) => textIn(message[name])).find((each) => each !== "");
  if (named !== undefined) return text("summary_text", named);
  const details = message["reasoning_details"];
  const parts = Array.isArray(details) ? (details as unknown[]) : [];
  return text("summary_text", parts.map(textIn).join(""));
}

/** Reads a text, or parts of one: an object with a `text`, or a list of these. */
function textIn(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return (value as unknown[]).map(textIn).join("");
  const object = asObject(value) ?? {};
  const own = object["text"] ?? object["summary"] ?? object["content"] ?? object["value"];
  return own === undefined || own === null ? "" : textIn(own);
}

/** Reads a text, or a list of texts, reasoning and refusals, as Mistral writes it. */
function contentPieces(content: unknown): readonly ChatPiece[] {
  if (content == null || content === "") return [];
  if (typeof content === "string") return text("output_text", content);
  if (Array.isArray(content)) return (content as unknown[]).flatMap(partPieces);
  if (asObject(content) !== undefined) return partPieces(content);
  return [{ kind: "unknown", what: "'content' of no known shape" }];
}

function partPieces(value: unknown): readonly ChatPiece[] {
  if (value == null) return [];
  if (typeof value === "string") return text("output_text", value);
  const part = asObject(value) ?? {};
  const { type } = part;
  switch (type) {
    case "thinking":
    case "reasoning":
    case "reasoning_text":
    case "summary_text":
      return text("summary_text", textIn(part["thinking"] ?? part["text"] ?? part["summary"]));
    case "refusal":
      return text("refusal", stringAt(part, "refusal"));
    // This part is the place of a citation and has no text of its own.
    case "reference":
      return [];
    default:
      return part["text"] !== undefined
        ? text("output_text", textIn(part["text"]))
        : [{ kind: "unknown", what: "a part of 'content' of no known type" }];
  }
}

/** Reads the sources that a text cites. A chat has these fields one level deeper. */
function annotations(value: unknown): readonly ChatPiece[] {
  if (!Array.isArray(value)) return [];
  return (value as unknown[]).flatMap((each) => {
    const cited = asObject(asObject(each)?.["url_citation"]) ?? asObject(each);
    if (typeof cited?.["url"] !== "string") return [];
    const { url, title = "", start_index: start = 0, end_index: end = 0 } = cited;
    const place = { start_index: start, end_index: end };
    return [
      { kind: "annotation", annotation: { type: "url_citation", url, title, ...place } } as const,
    ];
  });
}

function callPieces(message: JsonObject): readonly ChatPiece[] {
  const { tool_calls: calls, function_call: legacy } = message;
  const list: readonly unknown[] = Array.isArray(calls) ? calls : calls == null ? [] : [calls];
  const pieces = list.flatMap((each, position) =>
    each == null ? [] : [callPiece(each, position)],
  );
  if (asObject(legacy) === undefined) return pieces;
  // Some gateways write one call under both names.
  return pieces.length > 0 ? pieces : [callPiece({ index: LEGACY_INDEX, function: legacy }, 0)];
}

function callPiece(value: unknown, position: number): ChatPiece {
  const chunk = asObject(value);
  if (chunk === undefined) return { kind: "unknown", what: "a tool call that is no object" };
  const made = asObject(chunk["function"]) ?? asObject(chunk["custom"]) ?? chunk;
  const given = made["arguments"] ?? made["parameters"] ?? made["args"] ?? made["input"];
  const extra = asObject(chunk["extra_content"]);
  const call: CallPiece = {
    ...(extra === undefined ? {} : { extra }),
    index: indexOf(chunk["index"]) ?? position,
    id: scalarText(chunk["id"]),
    name: stringAt(made, "name"),
    // Some engines write the arguments as an object, where OpenAI's clients parse a text.
    arguments: given == null ? "" : typeof given === "string" ? given : JSON.stringify(given),
  };
  return { kind: "call", call };
}

function indexOf(value: unknown): number | undefined {
  const index = typeof value === "string" && value !== "" ? Number(value) : value;
  return Number.isSafeInteger(index) ? (index as number) : undefined;
}

function scalarText(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function holdsOutput(value: unknown): boolean {
  if (value == null || value === "") return false;
  return Array.isArray(value)
    ? value.length > 0
    : Object.keys(asObject(value) ?? { value }).length > 0;
}
