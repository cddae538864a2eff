import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { mayExceedDouble, parseExact } from "../../../shared/json/exact-json.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import { FIRST_OUTPUT_SEQUENCE, formatEvent } from "../../../shared/responses/format-event.ts";
import type { ItemEvent } from "../../../shared/responses/item-events.ts";
import type { AnswerReader, StreamStep } from "../answer-reader.ts";
import { failed, type FailedEnd } from "../call-end.ts";
import type { ChunkFeed, OpenChunkFeed, StreamEvent } from "../chat/chunk-feed.ts";
import type { ReadLimits } from "../http/read-limits.ts";
import { RepeatStop } from "../chat/repeat-stop.ts";
import { CompactionSource } from "./compaction-source.ts";
import type { ResponseRequest } from "./response-request.ts";
import type { ResponseSource, ResponseStep } from "./response-source.ts";

export interface ReadingOptions {
  readonly limits: Pick<ReadLimits, "answerBytes" | "eventChars">;
  readonly openChunkFeed: OpenChunkFeed;
}

/**
 * Reads the stream of one response. It numbers the events from the first one that the broker does
 * not send itself, and holds back the last ones.
 */
export class ResponseReader implements AnswerReader {
  started = false;
  readonly #source: ResponseSource;
  readonly #limits: Pick<ReadLimits, "answerBytes" | "eventChars">;
  readonly #feed: ChunkFeed;
  readonly #repeats = new RepeatStop();
  #sequence = FIRST_OUTPUT_SEQUENCE;
  #text = "";
  #failure: FailedEnd | undefined;
  #bodyEnded = false;
  #end: Pick<StreamStep, "tail" | "response"> | undefined;

  constructor(source: ResponseSource, { limits, openChunkFeed }: ReadingOptions) {
    this.#source = source;
    this.#limits = limits;
    this.#feed = openChunkFeed(limits.eventChars, {
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
    if (missing !== undefined) this.#take(missing);
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

  #take(event: StreamEvent): void {
    if (this.#end !== undefined || this.#failure !== undefined) return;
    if (event.kind === "done") {
      this.#apply(this.#source.done());
      return;
    }
    if (event.kind === "failed") {
      // The last event of a body may be only half of an event.
      const isHalf = this.#bodyEnded && event.failure.reason === "malformed";
      if (isHalf) this.#fail("cut", "the stream ended within an event");
      else this.#failure = event.failure;
      return;
    }
    const { chunk, text } = event;
    this.#repeats.take(chunk);
    // Numbers that a double would change stay as they were written.
    const data = mayExceedDouble(text) ? (parseExact(text) as JsonObject) : chunk;
    this.#apply(this.#source.take(event, data));
    if (this.#source.outputBytes > this.#limits.answerBytes)
      this.#fail("malformed", "the answer is too large");
  }

  #apply(step: ResponseStep): void {
    if (step.kind === "failed") this.#failure ??= step.failure;
    if (step.kind === "none" || step.kind === "failed") return;
    this.started = true;
    const text = step.events.map((each) => this.#number(each)).join("");
    if (step.kind === "events") {
      this.#text += text;
      return;
    }
    const { status, response } = step;
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

/** Opens the reader of a response, or of the compaction that was asked for. */
export function openResponseReader(
  source: ResponseSource,
  request: ResponseRequest,
  options: ReadingOptions,
): ResponseReader {
  const compacts = request.context.compaction !== undefined;
  return new ResponseReader(compacts ? new CompactionSource(source, request) : source, options);
}
