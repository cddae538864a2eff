import { createParser, type EventSourceMessage, type EventSourceParser } from "eventsource-parser";

export interface EventFeedHandlers {
  readonly onEvent: (event: EventSourceMessage) => void;
  readonly onTooLarge: () => void;
}

/** This many characters of a line show whether it has data. */
const LINE_START_CHARS = 24;

/** Reads server-sent events from bytes that may be split anywhere. */
export class EventFeed {
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  /** The start of the unfinished line. */
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

  /**
   * Returns whether anything but comments, blank lines and empty events came, even a part of an event.
   */
  push(bytes: Buffer): boolean {
    const text = this.#decoder.decode(bytes, { stream: true });
    this.#hadEvent = false;
    this.#parser.feed(text);
    const isAlive = this.#hadEvent || /(?:^|[\r\n])data:?[^\S\r\n]*[^\s:]/.test(this.#line + text);
    const lastEnd = Math.max(text.lastIndexOf("\n"), text.lastIndexOf("\r"));
    this.#line =
      lastEnd < 0
        ? (this.#line + text).slice(0, LINE_START_CHARS)
        : text.slice(lastEnd + 1, lastEnd + 1 + LINE_START_CHARS);
    return isAlive;
  }

  /** Says that the body is over. A last event without its blank line then comes as it is. */
  end(): void {
    this.#parser.feed("\n\n");
  }
}
