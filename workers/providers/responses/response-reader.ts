import type { EventSourceMessage } from "eventsource-parser";
import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { mayExceedDouble, parseExact } from "../../../shared/json/exact-json.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import { FIRST_OUTPUT_SEQUENCE, formatEvent } from "../../../shared/responses/format-event.ts";
import type { ItemEvent } from "../../../shared/responses/item-events.ts";
import type { AnswerReader, StreamStep } from "../answer-reader.ts";
import { failed, type FailedEnd } from "../call-end.ts";
import { EventFeed } from "../sse/event-feed.ts";
import { readEvent, type StreamEvent } from "../openai/read-event.ts";
import type { ReadLimits } from "../http/read-limits.ts";
import { RepeatStop } from "../chat/repeat-stop.ts";
import type { ResponseSource, Taken } from "./response-source.ts";

/**
 * Reads the event stream of one response: numbers its events from the first that is not the
 * broker's own, and holds back the last ones. Pure: bytes in, steps out.
 */
export class ResponseReader implements AnswerReader {
  started = false;
  readonly #source: ResponseSource;
  readonly #limits: Pick<ReadLimits, "answerBytes" | "eventChars">;
  readonly #feed: EventFeed;
  readonly #repeats = new RepeatStop();
  #sequence = FIRST_OUTPUT_SEQUENCE;
  #text = "";
  #failure: FailedEnd | undefined;
  #bodyEnded = false;
  #end: Pick<StreamStep, "tail" | "response"> | undefined;

  constructor(source: ResponseSource, limits: Pick<ReadLimits, "answerBytes" | "eventChars">) {
    this.#source = source;
    this.#limits = limits;
    this.#feed = new EventFeed(limits.eventChars, {
      onEvent: (event) => this.#take(event),
      onTooLarge: () => this.#fail("malformed", "event too large"),
    });
  }

  get outputBytes(): number {
    return this.#source.outputBytes;
  }

  get usage(): ReportedUsage | undefined {
    return this.#source.usage;
  }

  push(bytes: Buffer): StreamStep {
    const isAlive = this.#feed.push(bytes);
    return { ...this.#step(), ...(isAlive ? {} : { isIdle: true as const }) };
  }

  end(): StreamStep {
    this.#bodyEnded = true;
    this.#feed.end();
    const isOver = this.#end !== undefined || this.#failure !== undefined;
    const missing = isOver || this.#source.isFinished ? undefined : this.#repeats.missingEnd();
    if (missing !== undefined) this.#takeOne(missing);
    if (!isOver && this.#source.isFinished) this.#apply(this.#source.done());
    if (this.#end === undefined) this.#fail("cut", "the stream ended before its last event");
    return this.#step();
  }

  #step(): StreamStep {
    const text = this.#text;
    this.#text = "";
    if (this.#failure !== undefined) return { text, failure: this.#failure };
    return { text, ...this.#end };
  }

  #take(event: EventSourceMessage): void {
    for (const each of readEvent(event)) {
      if (this.#end !== undefined || this.#failure !== undefined) return;
      this.#takeOne(each);
    }
  }

  #takeOne(event: StreamEvent): void {
    if (event.kind === "done") {
      this.#apply(this.#source.done());
      return;
    }
    if (event.kind === "failed") {
      // The last event of a body may be the half of one.
      const isHalf = this.#bodyEnded && event.failure.reason === "malformed";
      if (isHalf) this.#fail("cut", "the stream ended within an event");
      else this.#failure = event.failure;
      return;
    }
    const { chunk, text, name } = event;
    this.#repeats.take(chunk);
    // Numbers that a double would change stay as they were written.
    const data = mayExceedDouble(text) ? (parseExact(text) as JsonObject) : chunk;
    this.#apply(this.#source.take({ event: name, id: undefined, data: text }, data));
    if (this.#source.outputBytes > this.#limits.answerBytes)
      this.#fail("malformed", "the answer is too large");
  }

  #apply(taken: Taken): void {
    if (taken.kind === "failed") this.#failure ??= taken.failure;
    if (taken.kind === "none" || taken.kind === "failed") return;
    this.started = true;
    const text = taken.events.map((each) => this.#number(each)).join("");
    if (taken.kind === "events") {
      this.#text += text;
      return;
    }
    const { status, response } = taken;
    const last = this.#number({ type: `response.${status}`, response });
    const body = Buffer.from(JSON.stringify(response));
    this.#end = { tail: text + last, response: { body, status } };
  }

  #number(event: ItemEvent): string {
    const text = formatEvent({ ...event, sequence_number: this.#sequence });
    this.#sequence += 1;
    return text;
  }

  #fail(reason: "cut" | "malformed", detail: string): void {
    if (this.#end === undefined) this.#failure ??= failed(reason, detail);
  }
}
