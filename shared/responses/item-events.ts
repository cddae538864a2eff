import type { JsonObject } from "../json/json-object.ts";

/** An item's event without its number. */
export interface ItemEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The item of an event. */
export interface ItemPlace {
  readonly item_id: string;
  readonly output_index: number;
}

/** The types of parts whose text has events. */
export type TextKind = "output_text" | "refusal" | "reasoning_text" | "summary_text";

interface Words {
  /** The events of the text are `response.<stem>.delta` and `.done`. */
  readonly stem: string;
  /** The events around the part are `response.<part>.added` and `.done`. */
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

/** Makes the event `response.output_item.added` or `.done`. */
export function itemEvent(step: "added" | "done", outputIndex: number, item: JsonObject) {
  return {
    type: `response.output_item.${step}`,
    output_index: outputIndex,
    item,
  } satisfies ItemEvent;
}

/**
 * Makes the events of one part of an item, in this order: `added`, `delta`s and annotations, two
 * `done`s.
 */
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

/** Makes a part without its text, as it is before its events. */
export function emptyPart(kind: TextKind): JsonObject {
  if (kind === "output_text") return { type: kind, text: "", annotations: [], logprobs: [] };
  return { type: kind, [words[kind].field]: "" };
}

/** Returns the text of a part. */
export function textOf(part: JsonObject, kind: TextKind): string {
  const text = part[words[kind].field];
  return typeof text === "string" ? text : "";
}

/** Returns true for the type of a part whose text has events. */
export function isTextKind(type: unknown): type is TextKind {
  return typeof type === "string" && Object.hasOwn(words, type);
}

/** Makes the event for a piece of a function call's arguments. */
export function argumentsDelta(place: ItemPlace, delta: string): ItemEvent {
  return { type: "response.function_call_arguments.delta", ...place, delta };
}

/** Makes the event for the end of a function call's arguments. */
export function argumentsDone(place: ItemPlace, name: string, text: string): ItemEvent {
  return { type: "response.function_call_arguments.done", ...place, name, arguments: text };
}

/** Makes the events for the input of a custom tool's call: one piece and the end. */
export function customInputEvents(place: ItemPlace, input: string): readonly ItemEvent[] {
  const type = "response.custom_tool_call_input";
  const delta = input === "" ? [] : [{ type: `${type}.delta`, ...place, delta: input }];
  return [...delta, { type: `${type}.done`, ...place, input }];
}
