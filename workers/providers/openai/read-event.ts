import type { EventSourceMessage } from "eventsource-parser";
import { asObject, parseJson } from "../../../shared/json/json-object.ts";
import { failed } from "../call-end.ts";
import type { StreamEvent } from "../chat/chunk-feed.ts";
import { readErrorEvent, readInBandError } from "../errors/in-band-error.ts";
import { splitJson, withoutNaN } from "./json-texts.ts";

const DONE: StreamEvent = { kind: "done" };
const HEARTBEAT = /^(?:ping|pong|heartbeat|keep-?alive)$/i;

/**
 * Reads a server-sent event, which is mostly one stream event. It is none if it has no data or is a
 * heartbeat, and several if the upstream left out the blank lines between its events.
 */
export function readEvent({ event, data }: EventSourceMessage): readonly StreamEvent[] {
  const text = data.trim();
  if (text === "") return [];
  if (text.length < 10 && /^"?\[?done\]?"?$/i.test(text)) return [DONE];
  const parsed = parseJson(text);
  // llama.cpp (0c1e570) begins the stream of a list of prompts with `data: null`.
  if (saysNothing(parsed) && event !== "error") return [];
  if (parsed === undefined) {
    const plain = withoutNaN(text);
    if (plain !== text) return readEvent({ event, data: plain, id: undefined });
    return readOddData(event, text);
  }
  const failure = event === "error" ? readErrorEvent(parsed) : readInBandError(parsed);
  if (failure !== undefined) return [{ kind: "failed", failure }];
  const chunk = asObject(parsed);
  if (chunk === undefined) return [unreadable()];
  if (HEARTBEAT.test(String(chunk["type"]))) return [];
  return [{ kind: "chunk", chunk, text, ...(event === undefined ? {} : { name: event }) }];
}

/** Reads data that is not JSON. */
function readOddData(event: string | undefined, text: string): readonly StreamEvent[] {
  if (event === "error") return [{ kind: "failed", failure: readErrorEvent(text) }];
  if (HEARTBEAT.test(event ?? "") || HEARTBEAT.test(text)) return [];
  const name = event === undefined ? {} : { event };
  if (text.startsWith("data:")) return readEvent({ ...name, data: text.slice(5), id: undefined });
  const values = splitJson(text) ?? text.split("\n");
  if (values.length === 1) return [unreadable()];
  return values.flatMap((data) => readEvent({ ...name, data, id: undefined }));
}

function saysNothing(value: unknown): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function unreadable(): StreamEvent {
  return { kind: "failed", failure: failed("malformed", "an event's data is not a JSON object") };
}
