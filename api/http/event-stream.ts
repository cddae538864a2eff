import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyReply } from "fastify";
import { escapeLineEnds } from "../../shared/json/escape-line-ends.ts";

export interface EventStreamOptions {
  readonly reply: FastifyReply;
  /** Silence after which a comment line shows that the connection lives. */
  readonly heartbeatMs: number;
  /** Its events have ids, for coming back; else an upstream's own are left out. */
  readonly hasIds?: boolean;
  /** Asked for once, when the headers leave. */
  readonly headers: () => OutgoingHttpHeaders;
}

/**
 * Readers that split a stream at blank lines want one after a comment. But once an id has come,
 * openai-python 2.36 to 3.57 and httpx-sse 0.4 take that blank line for an event without data and fail:
 * where there are ids the comment stands alone, and nowhere are there any that lead to no place.
 */
const COMMENT = ": keep-alive";
const ID = /^id:.*\n/gm;

/**
 * An answer of server-sent events on the bare socket. The headers leave with the first event or
 * heartbeat; until then the request can still be answered otherwise.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #heartbeat: NodeJS.Timeout;
  #opened = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs);
  }

  get opened(): boolean {
    return this.#opened;
  }

  /** Sends whole events, whose data is JSON; resolves when the reader has room for more, or is gone. */
  async write(text: string): Promise<void> {
    const { raw } = this.#options.reply;
    this.open();
    this.#heartbeat.refresh();
    if (raw.destroyed || raw.write(this.#format(text))) return;
    await new Promise<void>((resolve) => {
      const settle = (): void => {
        raw.off("drain", settle).off("close", settle);
        resolve();
      };
      raw.on("drain", settle).on("close", settle);
    });
  }

  /** Sends the last text, if any, and ends the answer. */
  end(text = ""): void {
    this.stop();
    this.open();
    this.#options.reply.raw.end(this.#format(text));
  }

  /** Hangs up on a reader that has not taken what was sent. */
  abandon(): void {
    const { raw } = this.#options.reply;
    if (raw.writableNeedDrain) raw.destroy();
  }

  /** No more heartbeats. */
  stop(): void {
    clearInterval(this.#heartbeat);
  }

  /** Sends the headers with whatever is written next. */
  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    const { reply, headers } = this.#options;
    reply.hijack();
    // Nobody else listens on a hijacked answer. Whoever waits for room is told by "close".
    reply.raw.on("error", () => undefined);
    reply.raw.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...(reply.getHeaders() as OutgoingHttpHeaders),
      ...headers(),
    });
  }

  #format(text: string): string {
    const escaped = escapeLineEnds(text);
    return this.#options.hasIds === true ? escaped : escaped.replaceAll(ID, "");
  }

  #beat(): void {
    const { raw } = this.#options.reply;
    if (raw.destroyed || raw.writableNeedDrain) return;
    this.open();
    raw.write(this.#options.hasIds === true ? `${COMMENT}\n` : `${COMMENT}\n\n`);
  }
}
