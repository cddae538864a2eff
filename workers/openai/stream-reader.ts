import type { EventSourceMessage } from "eventsource-parser";
import type { Usage } from "../../shared/contracts/outcome.ts";
import type { ProviderCall } from "../provider.ts";
import type { AnswerReader, StreamStep } from "./answer-reader.ts";
import { failed, type FailedEnd } from "./call-stopped.ts";
import { EventFeed } from "./event-feed.ts";
import { judgeFinishReason } from "./finish-reason.ts";
import { readErrorEvent, readInBandError } from "./in-band-error.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";
import { countOutputBytes } from "./output-bytes.ts";
import { readUsage } from "./read-usage.ts";

/** Choices with an index at or beyond this are no answer. */
const mostChoices = 65_536;

/**
 * Reads the event stream of one answer: events go on with their data unchanged, except that the
 * ones from the last finish reason on are held back. Pure: bytes in, steps out.
 */
export class StreamReader implements AnswerReader {
  started = false;
  outputBytes = 0;
  usage: Usage | undefined;
  readonly #call: Pick<ProviderCall, "endpoint" | "wantsUsage" | "maxUsage">;
  readonly #maxEventChars: number;
  readonly #feed: EventFeed;
  readonly #seen = new Set<number>();
  readonly #finished = new Set<number>();
  #text = "";
  #held = "";
  #done = false;
  #failure: FailedEnd | undefined;
  #bodyEnded = false;

  constructor(
    call: Pick<ProviderCall, "endpoint" | "wantsUsage" | "maxUsage">,
    maxEventChars: number,
  ) {
    this.#call = call;
    this.#maxEventChars = maxEventChars;
    this.#feed = new EventFeed(maxEventChars, {
      onEvent: (event) => this.#take(event),
      onTooLarge: () => this.#fail("malformed", "event too large"),
    });
  }

  push(bytes: Buffer): StreamStep {
    this.#feed.push(bytes);
    return this.#step();
  }

  /** A `[DONE]` without its blank line still counts; nothing else does. */
  end(): StreamStep {
    this.#bodyEnded = true;
    this.#feed.end();
    if (!this.#done) this.#fail("cut", "the stream ended before [DONE]");
    return this.#step();
  }

  #step(): StreamStep {
    const text = this.#text;
    this.#text = "";
    if (this.#failure !== undefined) return { text, failure: this.#failure };
    return this.#done ? { text, tail: this.#held } : { text };
  }

  #take(event: EventSourceMessage): void {
    if (this.#done || this.#failure !== undefined) return;
    if (event.data.trim() === "[DONE]") {
      this.#finish(event);
      return;
    }
    if (this.#bodyEnded) return;
    const parsed = parseJson(event.data);
    this.#failure =
      event.event === "error" ? readErrorEvent(parsed ?? event.data) : readInBandError(parsed);
    if (this.#failure !== undefined) return;
    const chunk = asObject(parsed);
    if (chunk === undefined) {
      this.#fail("malformed", "an event's data is not a JSON object");
      return;
    }
    this.#takeChunk(event, chunk);
  }

  #takeChunk(event: EventSourceMessage, chunk: JsonObject): void {
    const { endpoint, maxUsage, wantsUsage } = this.#call;
    this.usage = readUsage(chunk["usage"], endpoint, maxUsage) ?? this.usage;
    const choices = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
    for (const choice of choices) this.#takeChoice(asObject(choice));
    if (this.#failure !== undefined) return;
    this.started = true;
    const usageOnly = choices.length === 0 && asObject(chunk["usage"]) !== undefined;
    if (usageOnly && !wantsUsage) return;
    this.#forward(event);
  }

  #takeChoice(choice: JsonObject | undefined): void {
    const index = choice?.["index"] ?? 0;
    if (choice === undefined || !isIndex(index)) {
      this.#fail("malformed", "a choice is not an object with an index");
      return;
    }
    this.#seen.add(index);
    this.outputBytes += countOutputBytes(choice);
    const finish = judgeFinishReason(choice["finish_reason"]);
    if (finish === "broken") this.#fail("cut", "the engine gave up on the answer");
    if (finish === "complete") this.#finished.add(index);
  }

  /** Holds back while every choice seen is finished; a choice that comes later lets it go. */
  #forward(event: EventSourceMessage): void {
    this.#held += formatEvent(event);
    if (this.#seen.size === 0 || this.#finished.size < this.#seen.size) {
      this.#text += this.#held;
      this.#held = "";
    } else if (this.#held.length > this.#maxEventChars) {
      this.#fail("malformed", "too much after the last finish reason");
    }
  }

  #finish(event: EventSourceMessage): void {
    if (this.#seen.size === 0 || this.#finished.size < this.#seen.size) {
      this.#fail("cut", "[DONE] before every choice was finished");
      return;
    }
    this.#held += formatEvent(event);
    this.#done = true;
  }

  #fail(reason: "cut" | "malformed", detail: string): void {
    this.#failure ??= failed(reason, detail);
  }
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < mostChoices;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function formatEvent({ event, id, data }: EventSourceMessage): string {
  const name = event === undefined ? "" : `event: ${event}\n`;
  const place = id === undefined ? "" : `id: ${id}\n`;
  const lines = data.includes("\n") ? data.replaceAll("\n", "\ndata: ") : data;
  return `${name}${place}data: ${lines}\n\n`;
}
