import type { OpenChunkFeed } from "../chat/chunk-feed.ts";
import { EventFeed } from "../sse/event-feed.ts";
import { readEvent } from "./read-event.ts";

/** Reads chunks from server-sent events, in which every upstream with OpenAI's API writes them. */
export const openChunkFeed: OpenChunkFeed = (maxEventChars, { onEvent, onTooLarge }) =>
  new EventFeed(maxEventChars, {
    onEvent: (event) => {
      for (const each of readEvent(event)) onEvent(each);
    },
    onTooLarge,
  });
