import { createParser, type EventSourceMessage, type EventSourceParser } from "eventsource-parser";

export interface EventFeedHandlers {
  readonly onEvent: (event: EventSourceMessage) => void;
  readonly onTooLarge: () => void;
}

/** The start of a line is as much as tells whether it has data. */
const LINE_START = 24;

/** Server-sent events out of bytes that may be split anywhere. */
export class EventFeed {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  /** How the line that is not finished yet begins. */
  #line = "";
  #hadEvent = false;

  constructor(maxEventChars: number, { onEvent, onTooLarge }: EventFeedHandlers) {
    this.#parser = createParser({
      maxBufferSize: maxEventChars,
      onEvent: (event) => {
        if (event.data.trim() !== "") this.#hadEvent = true;
        onEvent(event);
      },
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") onTooLarge();
      },
    });
  }

  /** Whether anything but comments, blank lines and empty events came, if only a part of an event. */
  push(bytes: Buffer): boolean {
    const text = this.#decoder.decode(bytes, { stream: true });
    this.#hadEvent = false;
    this.#parser.feed(text);
    const isAlive = this.#hadEvent || /(?:^|[\r\n])data:?[^\S\r\n]*[^\s:]/.test(this.#line + text);
    const lastEnd = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r"));
    this.#line =
      lastEnd < 0
        ? (this.#line + text).slice(0, LINE_START)
        : text.slice(lastEnd + 1, lastEnd + 1 + LINE_START);
    return isAlive;
  }

  /** The body is over: what stands there without its blank line comes as an event. */
  end(): void {
    this.#parser.feed("\n\n");
  }
}
