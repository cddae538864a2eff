import { createParser, type EventSourceMessage, type EventSourceParser } from "eventsource-parser";

export interface EventFeedHandlers {
  readonly onEvent: (event: EventSourceMessage) => void;
  readonly onTooLarge: () => void;
}

/** Server-sent events out of bytes that may be split anywhere. */
export class EventFeed {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;

  constructor(maxEventChars: number, { onEvent, onTooLarge }: EventFeedHandlers) {
    this.#parser = createParser({
      maxBufferSize: maxEventChars,
      onEvent,
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") onTooLarge();
      },
    });
  }

  push(bytes: Buffer): void {
    this.#parser.feed(this.#decoder.decode(bytes, { stream: true }));
  }

  /** The body is over: what stands there without its blank line comes as an event. */
  end(): void {
    this.#parser.feed("\n\n");
  }
}
