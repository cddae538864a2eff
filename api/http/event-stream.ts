import type { OutgoingHttpHeaders } from "node:http";
import type { FastifyReply } from "fastify";

export interface EventStreamOptions {
  readonly reply: FastifyReply;
  /** Silence after which a comment line shows that the connection lives. */
  readonly heartbeatMs: number;
  /** Asked for once, when the headers leave. */
  readonly headers: () => OutgoingHttpHeaders;
}

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

  /** Sends whole events; resolves when the reader has room for more, or is gone. */
  async write(text: string): Promise<void> {
    const { raw } = this.#options.reply;
    this.open();
    this.#heartbeat.refresh();
    if (raw.destroyed || raw.write(text)) return;
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
    this.#options.reply.raw.end(text);
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
    reply.raw.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      ...headers(),
    });
  }

  #beat(): void {
    const { raw } = this.#options.reply;
    if (raw.destroyed || raw.writableNeedDrain) return;
    this.open();
    raw.write(": keep-alive\n\n");
  }
}
