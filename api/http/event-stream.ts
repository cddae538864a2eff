import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyReply } from "fastify";
import { escapeLineEnds } from "../../shared/json/escape-line-ends.ts";

export interface EventStreamOptions {
  readonly reply: FastifyReply;
  /** A stream that is silent for this long gets a comment line. */
  readonly heartbeatMs: number;
  /** True when a reader can come back with an event's id. Otherwise ids of the upstream are left out. */
  readonly hasIds?: boolean;
  /** Called once, when the headers leave. */
  readonly headers: () => OutgoingHttpHeaders;
}

/**
 * Readers that split a stream at blank lines want one after a comment. But once an id has come,
 * openai-python 2.36 to 3.57 and httpx-sse 0.4 take that blank line for an event without data and fail.
 * So the comment stands alone where events have ids, and ids that lead nowhere are left out.
 */
const COMMENT = ": keep-alive";
const ID = /^id:.*\n/gm;

/**
 * An answer of server-sent events on the bare socket. The headers leave with the first event or
 * heartbeat. Until then the request can still get another answer.
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

  /** Sends whole events, whose data is JSON. Resolves when the reader has room, or has disconnected. */
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

  /** Closes the connection of a reader that has not taken what was sent. */
  abandon(): void {
    const { raw } = this.#options.reply;
    if (raw.writableNeedDrain) raw.destroy();
  }

  /** Ends the heartbeats. */
  stop(): void {
    clearInterval(this.#heartbeat);
  }

  /** Sends the headers with whatever is written next. */
  open(): void {
    if (this.#opened) return;
    this.#opened = true;
    const { reply, headers } = this.#options;
    reply.hijack();
    // Nobody else listens on a hijacked answer. "close" wakes those who wait for room.
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
