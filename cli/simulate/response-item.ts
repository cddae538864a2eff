import type { JsonObject } from "../../shared/json/json-object.ts";
import type { PlacedPart } from "./generation.ts";
import type { SimulatorKind } from "./http-error.ts";

/** An event without the fields that all events of its item have. */
type ItemEvent = readonly [type: string, fields: JsonObject];

/** An output item, and its events between the first and the last one. */
export interface ResponseItem {
  readonly id: string;
  item(status: "in_progress" | "completed" | "incomplete", text: string): JsonObject;
  opening(): readonly ItemEvent[];
  delta(token: string): ItemEvent;
  closing(text: string): readonly ItemEvent[];
}

interface ItemOptions {
  readonly kind: SimulatorKind;
  /** Makes the item's ids unique. */
  readonly mark: string;
  /** Tells whether reasoning comes with its encrypted form. */
  readonly encrypted: boolean;
}

/** Makes the output item for a part of the answer. */
export function responseItem(part: PlacedPart, options: ItemOptions): ResponseItem {
  if (part.kind === "call") return callItem(part.name ?? "", options);
  return part.kind === "text" ? messageItem(options) : reasoningItem(options);
}

function messageItem({ mark }: ItemOptions): ResponseItem {
  const id = `msg_${mark}`;
  const place = { content_index: 0 };
  return {
    id,
    item: (status, text) => ({
      id,
      type: "message",
      role: "assistant",
      status,
      content: status === "in_progress" ? [] : [textPart(text)],
    }),
    opening: () => [["response.content_part.added", { ...place, part: textPart("") }]],
    delta: (token) => ["response.output_text.delta", { ...place, delta: token, logprobs: [] }],
    closing: (text) => [
      ["response.output_text.done", { ...place, text, logprobs: [] }],
      ["response.content_part.done", { ...place, part: textPart(text) }],
    ],
  };
}

function textPart(text: string): JsonObject {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

/** vLLM shows the reasoning itself, OpenAI a summary of it. */
function reasoningItem({ kind, mark, encrypted }: ItemOptions): ResponseItem {
  const id = `rs_${mark}`;
  const plain = kind === "gpu";
  const name = plain ? "response.reasoning" : "response.reasoning_summary";
  const place = plain ? { content_index: 0 } : { summary_index: 0 };
  const part = (text: string) => ({ type: plain ? "reasoning_text" : "summary_text", text });
  return {
    id,
    item: (status, text) => {
      const parts = status === "in_progress" ? [] : [part(text)];
      return {
        id,
        type: "reasoning",
        ...(plain ? { summary: [], content: parts } : { summary: parts }),
        ...(encrypted ? { encrypted_content: `encrypted-${mark}` } : {}),
      };
    },
    opening: () => [[`${name}_part.added`, { ...place, part: part("") }]],
    delta: (token) => [`${name}_text.delta`, { ...place, delta: token }],
    closing: (text) => [
      [`${name}_text.done`, { ...place, text }],
      [`${name}_part.done`, { ...place, part: part(text) }],
    ],
  };
}

function callItem(name: string, { mark }: ItemOptions): ResponseItem {
  const id = `fc_${mark}`;
  return {
    id,
    item: (status, text) => ({
      id,
      type: "function_call",
      status,
      call_id: `call_${mark}`,
      name,
      arguments: text,
    }),
    opening: () => [],
    delta: (token) => ["response.function_call_arguments.delta", { delta: token }],
    closing: (text) => [["response.function_call_arguments.done", { name, arguments: text }]],
  };
}
