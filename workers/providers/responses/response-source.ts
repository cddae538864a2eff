import type { EventSourceMessage } from "eventsource-parser";
import type { ReportedUsage, ResponseStatus } from "../../../shared/contracts/outcome.ts";
import type { ResponseContext } from "../../../shared/contracts/response-context.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import type { ItemEvent } from "../../../shared/responses/item-events.ts";
import type { FailedEnd } from "../call-end.ts";

/** A request as its response tells it. */
export interface AskedResponse {
  /** The caller's object, numbers kept as they were written. */
  readonly body: JsonObject;
  readonly context: ResponseContext & { readonly maxOutputTokens: number | null };
  /** Unix time in milliseconds. */
  readonly now: () => number;
}

/** What one upstream event came to. */
export type Taken =
  | { readonly kind: "none" }
  | { readonly kind: "events"; readonly events: readonly ItemEvent[] }
  | { readonly kind: "failed"; readonly failure: FailedEnd }
  /** The answer is whole: what is left to tell before the terminal event, and the response. */
  | {
      readonly kind: "end";
      readonly events: readonly ItemEvent[];
      readonly status: ResponseStatus;
      readonly response: JsonObject;
    };

/** Turns the events of one kind of upstream into those of a response. */
export interface ResponseSource {
  readonly outputBytes: number;
  readonly usage: ReportedUsage | undefined;
  /** All that is needed has come: should the body end here, `[DONE]` is not missed. */
  readonly isFinished: boolean;
  take(event: EventSourceMessage, data: JsonObject): Taken;
  /** `[DONE]` came. */
  done(): Taken;
}
