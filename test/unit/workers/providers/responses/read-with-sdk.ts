import OpenAI from "openai";
import type { ResponseContext } from "../../../../../shared/contracts/response-context.ts";
import type { JsonObject } from "../../../../../shared/json/json-object.ts";
import { preludeEvents } from "../../../../../shared/responses/finished-events.ts";
import { responseObject } from "../../../../../shared/responses/response-object.ts";
import { defaultReadLimits } from "../../../../../workers/providers/http/read-limits.ts";
import type { AnswerReader, StreamStep } from "../../../../../workers/providers/answer-reader.ts";
import { openChunkFeed } from "../../../../../workers/providers/openai/open-chunk-feed.ts";
import { ChatSource } from "../../../../../workers/providers/responses/chat-source.ts";
import { NativeSource } from "../../../../../workers/providers/openai/native-source.ts";
import { ResponseReader } from "../../../../../workers/providers/responses/response-reader.ts";

export const context: ResponseContext & { maxOutputTokens: number | null } = {
  id: "resp_00000000000000000000000000000abc",
  createdAt: 1_700_000_000,
  model: "public",
  background: false,
  store: true,
  previousResponseId: null,
  maxOutputTokens: 64,
};

const nowMs = 1_700_000_009_999;

export function readerOf(
  kind: "chat" | "native",
  body: JsonObject = {},
  limits: { answerBytes?: number; eventChars?: number } = {},
): AnswerReader {
  const asked = { body, context, now: () => nowMs };
  const source = kind === "chat" ? new ChatSource(asked) : new NativeSource(asked);
  return new ResponseReader(source, { limits: { ...defaultReadLimits, ...limits }, openChunkFeed });
}

export interface ReadResult extends Omit<StreamStep, "text" | "tail" | "response"> {
  /** Events before the tail. */
  readonly text: string;
  readonly tail: string | undefined;
  readonly status: string | undefined;
  readonly response: JsonObject | undefined;
  readonly reader: AnswerReader;
}

/** Feeds the bytes to the reader, cut at the given places. */
export function readAll(
  reader: AnswerReader,
  wire: Buffer | string,
  cuts: readonly number[] = [],
): ReadResult {
  const bytes = Buffer.from(wire);
  const bounds = [0, ...cuts, bytes.length];
  let text = "";
  const pieces = bounds.slice(0, -1).map((from, at) => bytes.subarray(from, bounds[at + 1]));
  for (const piece of [...pieces, undefined]) {
    const step = piece === undefined ? reader.end() : reader.push(piece);
    text += step.text;
    if (step.failure !== undefined || step.tail !== undefined) return result(reader, step, text);
  }
  throw new Error("the reader never ended");
}

function result(reader: AnswerReader, step: StreamStep, text: string): ReadResult {
  const { failure, tail, response } = step;
  return {
    reader,
    text,
    tail,
    status: response?.status,
    response:
      response === undefined ? undefined : (JSON.parse(response.body.toString()) as JsonObject),
    ...(failure === undefined ? {} : { failure }),
  };
}

export interface ParsedEvent {
  readonly type: string;
  readonly sequence_number: number;
  readonly [field: string]: unknown;
}

/** An event of another form is an error. */
export function eventsOf(text: string): readonly ParsedEvent[] {
  return text
    .split("\n\n")
    .filter((each) => each !== "")
    .map((each) => {
      const parts = /^event: (?<type>\S+)\ndata: (?<data>.*)$/s.exec(each)?.groups;
      const event = JSON.parse(parts?.["data"] ?? "null") as ParsedEvent;
      if (event?.type !== parts?.["type"]) throw new Error(`not an event: ${each}`);
      return event;
    });
}

/**
 * Gives the events after the prelude to the openai package's stream helper, and returns its result.
 */
export async function sdkResponse(events: string, body: JsonObject = {}) {
  const prelude = preludeEvents(responseObject(body, context, { status: "queued" })).join("");
  const client = new OpenAI({
    apiKey: "k",
    maxRetries: 0,
    fetch: () =>
      Promise.resolve(
        new Response(prelude + events, { headers: { "content-type": "text/event-stream" } }),
      ),
  });
  return await client.responses.stream({ model: "m", input: "x" }).finalResponse();
}
