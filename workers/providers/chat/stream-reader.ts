import type { ReportedUsage } from "../../../shared/contracts/outcome.ts";
import { AnswerJudge, type JudgedCall } from "./answer-judge.ts";
import type { AnswerReader, StreamStep } from "../answer-reader.ts";
import { failed, type FailedEnd } from "../call-end.ts";
import type { ChunkOutput } from "./chunk-output.ts";
import type { ChunkFeed, OpenChunkFeed, StreamEvent } from "./chunk-feed.ts";
import { RepeatStop } from "./repeat-stop.ts";

/**
 * Reads the stream of one chat completion or completion. The stream is whole when it ends with
 * `[DONE]`, or when its body ends after every choice's finish reason.
 */
export class StreamReader implements AnswerReader {
  started = false;
  readonly #judge: AnswerJudge;
  readonly #output: ChunkOutput;
  readonly #maxHeldChars: number;
  readonly #feed: ChunkFeed;
  readonly #repeats = new RepeatStop();
  #isWhole = false;
  #failure: FailedEnd | undefined;
  #bodyEnded = false;

  /** `maxHeldChars` bounds what the output may keep until the end. */
  constructor(
    call: JudgedCall,
    output: ChunkOutput,
    openChunkFeed: OpenChunkFeed,
    { eventChars, heldChars }: { readonly eventChars: number; readonly heldChars: number },
  ) {
    this.#judge = new AnswerJudge(call);
    this.#output = output;
    this.#maxHeldChars = heldChars;
    this.#feed = openChunkFeed(eventChars, {
      onEvent: (event) => this.#take(event),
      onTooLarge: () => this.#fail("malformed", "event too large"),
    });
  }

  get outputBytes(): number {
    return this.#judge.outputBytes;
  }

  get usage(): ReportedUsage | undefined {
    return this.#judge.usage;
  }

  push(bytes: Buffer): StreamStep {
    const isAlive = this.#feed.push(bytes);
    return { ...this.#step(), ...(isAlive ? {} : { isIdle: true as const }) };
  }

  end(): StreamStep {
    this.#bodyEnded = true;
    this.#feed.end();
    if (!this.#isWhole && this.#failure === undefined) {
      const missing = this.#judge.isFinished ? undefined : this.#repeats.missingEnd();
      if (missing !== undefined) this.#take(missing);
      this.#finish("body");
    }
    return this.#step();
  }

  #step(): StreamStep {
    const text = this.#output.drain();
    if (this.#failure !== undefined) return { text, failure: this.#failure };
    return this.#isWhole ? { text, ...this.#output.end(this.#judge) } : { text };
  }

  #take(event: StreamEvent): void {
    if (this.#isWhole || this.#failure !== undefined) return;
    if (event.kind === "done") this.#finish("done");
    else if (event.kind === "failed") {
      // The last event of a body may be only half of an event.
      const isHalf = this.#bodyEnded && event.failure.reason === "malformed";
      if (isHalf) this.#fail("cut", "the stream ended within an event");
      else this.#failure = event.failure;
    } else {
      this.#failure = this.#judge.take(event.chunk);
      if (this.#failure !== undefined) return;
      this.started = true;
      this.#repeats.take(event.chunk);
      this.#output.take(event, this.#judge);
      if (this.#output.heldChars > this.#maxHeldChars)
        this.#fail("malformed", "too much to hold back");
    }
  }

  #finish(end: "done" | "body"): void {
    this.#failure = this.#judge.problemAtEnd(end);
    this.#isWhole = this.#failure === undefined;
  }

  #fail(reason: "cut" | "malformed", detail: string): void {
    this.#failure ??= failed(reason, detail);
  }
}
