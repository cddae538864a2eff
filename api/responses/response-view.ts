import type { ResponseContext } from "../../shared/contracts/response-context.ts";
import type { JsonObject } from "../../shared/json/json-object.ts";
import { FIRST_OUTPUT_SEQUENCE } from "../../shared/responses/format-event.ts";
import { errorEvent, failureEvent, preludeEvents } from "../../shared/responses/finished-events.ts";
import { responseObject } from "../../shared/responses/response-object.ts";
import type { StreamView } from "../calls/stream-view.ts";
import { failedState } from "./failed-state.ts";

export interface ViewedResponse {
  /** The request's body without the broker's own fields. */
  readonly fields: JsonObject;
  readonly context: ResponseContext;
  readonly maxOutputTokens: number | null;
  /** The last sequence number that the reader has; -1 for none. */
  readonly startingAfter: number;
}

/** This many events come when the job is accepted. The next one comes when its attempt begins. */
const EARLY_EVENTS = 2;

/** Makes the view of a response's stream, from a reader's cursor on. */
export function responseView(viewed: ViewedResponse): StreamView {
  const { fields, startingAfter } = viewed;
  const context = { ...viewed.context, maxOutputTokens: viewed.maxOutputTokens };
  const prelude = preludeEvents(responseObject(fields, context, { status: "queued" }));
  const from = (first: number, end: number): string =>
    prelude.slice(Math.max(first, startingAfter + 1), end).join("");
  return {
    isNumbered: true,
    beginning: () => from(0, EARLY_EVENTS),
    opening: () => from(EARLY_EVENTS, prelude.length),
    failure: (error, state, number) => {
      const first = FIRST_OUTPUT_SEQUENCE + number;
      const response = responseObject(fields, context, failedState(error, state));
      // A cancellation is not an error to the caller who asked for it.
      if (error.code === "cancelled") return failureEvent(response, first);
      const failure = startingAfter < first ? errorEvent(error.toJSON().error, first) : "";
      return failure + failureEvent(response, first + 1);
    },
    interruption: (error, number) =>
      errorEvent(error.toJSON().error, FIRST_OUTPUT_SEQUENCE + number),
  };
}

/** Returns the number, in a job's log, of the first event that a reader lacks. */
export function firstNumber(startingAfter: number): number {
  return Math.max(0, startingAfter + 1 - FIRST_OUTPUT_SEQUENCE);
}
