import type { OpenChunkFeed } from "../chat/chunk-feed.ts";
import { EventFeed } from "../sse/event-feed.ts";
import { readEvent } from "./read-event.ts";

/** Chunks as server-sent events, as OpenAI and all that speak its API write them. */
export const openChunkFeed: OpenChunkFeed = (maxEventChars, { onEvent, onTooLarge }) =>
  new EventFeed(maxEventChars, {
    onEvent: (event) => {
      for (const each of readEvent(event)) onEvent(each);
    },
    onTooLarge,
  });
