import type { ReportedUsage, ResponseStatus } from "../../../shared/contracts/outcome.ts";
import type { JsonObject } from "../../../shared/json/json-object.ts";
import type { ItemEvent } from "../../../shared/responses/item-events.ts";
import type { FailedEnd } from "../call-end.ts";
import type { ChunkEvent } from "../chat/chunk-feed.ts";

/** The result of one upstream event. */
export type ResponseStep =
  | { readonly kind: "none" }
  | { readonly kind: "events"; readonly events: readonly ItemEvent[] }
  | { readonly kind: "failed"; readonly failure: FailedEnd }
  /** The answer is whole. `events` are the last ones before the terminal event. */
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
  /** All that is needed has come, so the body may end here without `[DONE]`. */
  readonly isFinished: boolean;
  /** `data` is the chunk with numbers as they were written, where a double would change them. */
  take(event: ChunkEvent, data: JsonObject): ResponseStep;
  /** Takes `[DONE]`. */
  done(): ResponseStep;
}
