import type { BrokerError } from "../../shared/errors/broker-error.ts";
import type { EndState } from "../../shared/contracts/reply.ts";

/** The broker's own events in the stream of an answer. */
export interface StreamView {
  /** The events have numbers, and the broker's own events continue them. */
  readonly isNumbered: boolean;
  /** Returns the events that open the stream, without those before a reader's cursor. */
  beginning(): string;
  /** Returns the events between `beginning` and the answer's first event. */
  opening(): string;
  /** Returns the last event of a job that failed. `number` is the number that the event gets. */
  failure(error: BrokerError, state: EndState, number: number): string;
  /**
   * Returns the last event of a stream whose job goes on. Its reader may come again for the rest.
   */
  interruption(error: BrokerError, number: number): string;
}

/**
 * The view of a stream of chunks. The stream holds nothing else; a failure is an event without
 * `[DONE]`.
 */
export const chunkView: StreamView = {
  isNumbered: false,
  beginning: () => "",
  opening: () => "",
  failure: (error) => `data: ${JSON.stringify(error)}\n\n`,
  interruption: (error) => `data: ${JSON.stringify(error)}\n\n`,
};
