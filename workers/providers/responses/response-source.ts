import type { ReportedUsage, ResponseStatus } from "../../../shared/contracts/outcome.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import type { ItemEvent } from "../../../shared/responses/item-events.ts";
import type { FailedEnd } from "../call-end.ts";
import type { ChunkEvent } from "../chat/chunk-feed.ts";

/** The events that one upstream event becomes, then perhaps the end. */
export type ResponseStep =
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
  /** `data`: the chunk, with numbers that a double would change kept as they were written. */
  take(event: ChunkEvent, data: JsonObject): ResponseStep;
  /** Takes `[DONE]`. */
  done(): ResponseStep;
}
