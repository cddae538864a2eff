import type { BrokerError } from "../../shared/errors/broker-error.ts";
import type { EndState } from "../../shared/contracts/reply.ts";

/** The broker's own events in the stream of an answer. */
export interface StreamView {
  /** The events have numbers, and the broker's own events continue them. */
  readonly isNumbered: boolean;
  /** Events for the opening of the stream. It leaves out those before a reader's cursor. */
  beginning(): string;
  /** Events between `beginning` and the answer's first event. */
  opening(): string;
  /** The last event of a job that failed. `number` is that of the event that would follow. */
  failure(error: BrokerError, state: EndState, number: number): string;
  /** The last event of a stream whose job goes on. Its reader may come again for the rest. */
  interruption(error: BrokerError, number: number): string;
}

/** The view of chunks. Their streams hold nothing else; a failure is an event without `[DONE]`. */
export const chunkView: StreamView = {
  isNumbered: false,
  beginning: () => "",
  opening: () => "",
  failure: (error) => `data: ${JSON.stringify(error)}\n\n`,
  interruption: (error) => `data: ${JSON.stringify(error)}\n\n`,
};
