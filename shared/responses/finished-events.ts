import { asObject, stringAt, type JsonObject } from "../json/json-object.ts";
import { FIRST_OUTPUT_SEQUENCE, formatEvent } from "./format-event.ts";
import {
  argumentsDelta,
  argumentsDone,
  customInputEvents,
  isTextKind,
  itemEvent,
  partEvents,
  textOf,
  type ItemEvent,
  type ItemPlace,
} from "./item-events.ts";

/**
 * Returns the first three events of every response's stream, as texts. `response` may be in any
 * state.
 */
export function preludeEvents(response: JsonObject): readonly string[] {
  const open = { ...response, completed_at: null, error: null, incomplete_details: null };
  const at = (status: string) => ({ ...open, status, output: [], usage: null });
  return [
    formatEvent({ type: "response.created", sequence_number: 0, response: at("queued") }),
    formatEvent({ type: "response.queued", sequence_number: 1, response: at("queued") }),
    formatEvent({ type: "response.in_progress", sequence_number: 2, response: at("in_progress") }),
  ];
}

/**
 * Returns all events after the first three for a response that was not streamed, as texts: one
 * delta for each part, and the terminal event.
 */
export function finishedEvents(response: JsonObject): readonly string[] {
  const events = outputEvents(response["output"]);
  const terminal =
    response["status"] === "incomplete" ? "response.incomplete" : "response.completed";
  return [...events, { type: terminal, response }].map((event, index) =>
    formatEvent({ ...event, sequence_number: FIRST_OUTPUT_SEQUENCE + index }),
  );
}

/** Returns the events of finished items, with one delta for each part. */
export function outputEvents(output: unknown): readonly ItemEvent[] {
  const items = Array.isArray(output) ? (output as unknown[]) : [];
  return items.flatMap((item, index) => eventsOfItem(index, asObject(item) ?? {}));
}

/**
 * Returns the last event of a response that failed or was cancelled, as text. There is no event for
 * `cancelled`, and clients accept `response.incomplete` with a response of that status.
 */
export function failureEvent(response: JsonObject, sequence: number): string {
  const type = response["status"] === "failed" ? "response.failed" : "response.incomplete";
  return formatEvent({ type, sequence_number: sequence, response });
}

/** The content of an `error` event. */
export interface StreamError {
  readonly message: string;
  readonly type: string;
  readonly code: string;
  readonly param: string | null;
}

/**
 * Returns the event of an error, as text. Its fields are flat, as OpenAI documents them, and also
 * nested, as clients expect them. LangChain JS 1.6 and pydantic-ai 2.31 accept a stream that ends
 * with only `response.failed` as a whole answer. With this event before it they raise.
 */
export function errorEvent(error: StreamError, sequence: number): string {
  const { message, code, param } = error;
  return formatEvent({ type: "error", sequence_number: sequence, code, message, param, error });
}

function eventsOfItem(index: number, item: JsonObject): readonly ItemEvent[] {
  const place = { item_id: stringAt(item, "id"), output_index: index };
  const done = itemEvent("done", index, item);
  switch (item["type"]) {
    case "message":
      return [
        itemEvent("added", index, { ...item, status: "in_progress", content: [] }),
        ...eventsOfParts(place, item["content"]),
        done,
      ];
    case "reasoning": {
      const { content, ...rest } = item;
      return [
        itemEvent("added", index, { ...rest, summary: [] }),
        ...eventsOfParts(place, item["summary"]),
        ...eventsOfParts(place, content),
        done,
      ];
    }
    case "function_call": {
      const text = stringAt(item, "arguments");
      return [
        itemEvent("added", index, { ...item, status: "in_progress", arguments: "" }),
        ...(text === "" ? [] : [argumentsDelta(place, text)]),
        argumentsDone(place, stringAt(item, "name"), text),
        done,
      ];
    }
    case "custom_tool_call":
      return [
        itemEvent("added", index, { ...item, status: "in_progress", input: "" }),
        ...customInputEvents(place, stringAt(item, "input")),
        done,
      ];
    default:
      return [itemEvent("added", index, item), done];
  }
}

function eventsOfParts(place: ItemPlace, parts: unknown): readonly ItemEvent[] {
  if (!Array.isArray(parts)) return [];
  return (parts as unknown[]).flatMap((each, index) => {
    const part = asObject(each) ?? {};
    const kind = part["type"];
    if (!isTextKind(kind)) return partEventsOfUnknown(place, index, part);
    const events = partEvents(kind, place, index);
    const text = textOf(part, kind);
    return [events.added(part), ...(text === "" ? [] : [events.delta(text)]), ...events.done(part)];
  });
}

/** Parts of unknown types have events without text, since clients count the parts. */
function partEventsOfUnknown(
  place: ItemPlace,
  index: number,
  part: JsonObject,
): readonly ItemEvent[] {
  const at = { ...place, content_index: index, part };
  return [
    { type: "response.content_part.added", ...at },
    { type: "response.content_part.done", ...at },
  ];
}
