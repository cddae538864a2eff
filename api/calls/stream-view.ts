import type { BrokerError } from "../../shared/errors/broker-error.ts";
import type { EndState } from "../../shared/contracts/reply.ts";

/** What the broker says in a stream of an answer's events. */
export interface StreamView {
  /** Its events have numbers, which those of the broker's own go on with. */
  readonly isNumbered: boolean;
  /** As soon as the stream is open; what was said before a reader's cursor is left out. */
  beginning(): string;
  /** Before the first event of an answer; after `beginning`. */
  opening(): string;
  /** The last event of a stream that did not get done. `number`: of the event that would follow. */
  failure(error: BrokerError, state: EndState, number: number): string;
  /** The last event of a stream whose job goes on: its reader may come again for the rest. */
  interruption(error: BrokerError, number: number): string;
}

/** Of chunks, whose streams hold nothing else; a failure is an event without `[DONE]` after it. */
export const chunkView: StreamView = {
  isNumbered: false,
  beginning: () => "",
  opening: () => "",
  failure: (error) => `data: ${JSON.stringify(error)}\n\n`,
  interruption: (error) => `data: ${JSON.stringify(error)}\n\n`,
};
