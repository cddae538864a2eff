import type { JsonObject } from "../../../shared/json/json-object.ts";
import type { FailedEnd } from "../call-end.ts";

/** One event of a stream, read as a chunk of a chat completion. */
export type StreamEvent =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly failure: FailedEnd }
  | ChunkEvent;

export interface ChunkEvent {
  readonly kind: "chunk";
  readonly chunk: JsonObject;
  /** The JSON of the chunk as it came. */
  readonly text: string;
  /** The event's own name, if it has one. */
  readonly name?: string;
}

interface ChunkFeedHandlers {
  readonly onEvent: (event: StreamEvent) => void;
  readonly onTooLarge: () => void;
}

/** Reads the chunks out of a stream's bytes, which may be split anywhere. */
export interface ChunkFeed {
  /** Returns whether the bytes held anything but filler, even a part of an event. */
  push(bytes: Buffer): boolean;
  /** Says that the body is over. A last event without its end then comes as it is. */
  end(): void;
}

/** Opens the feed of one stream. Each wire format has its own, for events of its kind. */
export type OpenChunkFeed = (maxEventChars: number, handlers: ChunkFeedHandlers) => ChunkFeed;
