import type { JsonObject } from "../json/json-object.ts";

/** An event of an output item, before it has its number. */
export interface ItemEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** Which item an event is about. */
export interface ItemPlace {
  readonly item_id: string;
  readonly output_index: number;
}

/** A part of an item's content and the field that its text is in. */
export type TextKind = "output_text" | "refusal" | "reasoning_text" | "summary_text";

interface Words {
  /** Events of the text itself: `response.<stem>.delta` and `.done`. */
  readonly stem: string;
  /** Events around the part: `response.<part>.added` and `.done`. */
  readonly part: "content_part" | "reasoning_summary_part";
  readonly index: "content_index" | "summary_index";
  readonly field: "text" | "refusal";
  readonly more: JsonObject;
}

const words: Readonly<Record<TextKind, Words>> = {
  output_text: {
    stem: "output_text",
    part: "content_part",
    index: "content_index",
    field: "text",
    more: { logprobs: [] },
  },
  refusal: {
    stem: "refusal",
    part: "content_part",
    index: "content_index",
    field: "refusal",
    more: {},
  },
  reasoning_text: {
    stem: "reasoning_text",
    part: "content_part",
    index: "content_index",
    field: "text",
    more: {},
  },
  summary_text: {
    stem: "reasoning_summary_text",
    part: "reasoning_summary_part",
    index: "summary_index",
    field: "text",
    more: {},
  },
};

/** `response.output_item.added` or `.done`. */
export function itemEvent(step: "added" | "done", outputIndex: number, item: JsonObject) {
  return {
    type: `response.output_item.${step}`,
    output_index: outputIndex,
    item,
  } satisfies ItemEvent;
}

/** The events of one part of an item, in order: `added`, `delta`s and annotations, two `done`s. */
export function partEvents(kind: TextKind, place: ItemPlace, index: number) {
  const { stem, part: around, index: indexField, field, more } = words[kind];
  const at = { ...place, [indexField]: index };
  return {
    added: (part: JsonObject): ItemEvent => ({
      type: `response.${around}.added`,
      ...at,
      part: { ...part, [field]: "" },
    }),
    delta: (delta: string): ItemEvent => ({
      type: `response.${stem}.delta`,
      ...at,
      delta,
      ...more,
    }),
    annotated: (annotation: JsonObject, annotationIndex: number): ItemEvent => ({
      type: `response.${stem}.annotation.added`,
      ...at,
      annotation_index: annotationIndex,
      annotation,
    }),
    done: (part: JsonObject): readonly ItemEvent[] => [
      { type: `response.${stem}.done`, ...at, [field]: part[field], ...more },
      { type: `response.${around}.done`, ...at, part },
    ],
  };
}

/** A part as it is before its events: without its text. */
export function emptyPart(kind: TextKind): JsonObject {
  if (kind === "output_text") return { type: kind, text: "", annotations: [], logprobs: [] };
  return { type: kind, [words[kind].field]: "" };
}

/** A part's text. */
export function textOf(part: JsonObject, kind: TextKind): string {
  const text = part[words[kind].field];
  return typeof text === "string" ? text : "";
}

/** Whether the type of a part is one whose text has events. */
export function isTextKind(type: unknown): type is TextKind {
  return typeof type === "string" && Object.hasOwn(words, type);
}

/** Events of a function call's arguments. */
export function argumentsDelta(place: ItemPlace, delta: string): ItemEvent {
  return { type: "response.function_call_arguments.delta", ...place, delta };
}

/** The end of a function call's arguments. */
export function argumentsDone(place: ItemPlace, name: string, text: string): ItemEvent {
  return { type: "response.function_call_arguments.done", ...place, name, arguments: text };
}

/** The input of a custom tool's call, as one piece and its end. */
export function customInputEvents(place: ItemPlace, input: string): readonly ItemEvent[] {
  const type = "response.custom_tool_call_input";
  const delta = input === "" ? [] : [{ type: `${type}.delta`, ...place, delta: input }];
  return [...delta, { type: `${type}.done`, ...place, input }];
}
