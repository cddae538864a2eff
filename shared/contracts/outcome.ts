import type { FailureReason } from "./failure-reason.ts";

/** Token counts over all choices. They are integers from 0 to 2^31 - 1. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/**
 * The usage that the upstream reported. A floor is not final: at least so many tokens were used.
 */
export interface ReportedUsage extends Usage {
  /** The count came before the end of the answer, or covers only some of the prompts. */
  readonly promptIsFloor?: true;
  /** The count came before the end of the answer, or covers only some of the choices. */
  readonly completionIsFloor?: true;
}

/** The upstream's error, cleaned so that it can be passed on. */
export interface UpstreamError {
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
}

/** The status of a finished response. */
export type ResponseStatus = "completed" | "incomplete";

interface Traffic {
  /** The request may have reached the provider. False only when no connection was made. */
  readonly sent: boolean;
  /** Response headers arrived. */
  readonly gotHeaders: boolean;
  /**
   * The UTF-8 bytes of generated text that were seen. They bound the output tokens when the
   * upstream reports no usage.
   */
  readonly outputBytes: number;
  /** Undefined when the upstream reported nothing readable. */
  readonly usage: ReportedUsage | undefined;
  /** The answer was expected in one piece, so `outputBytes` does not say how much was generated. */
  readonly hidesOutput?: true;
  /**
   * The time from the call's start to the first byte of the answer or the first event. Null before
   * that.
   */
  readonly ttftMs: number | null;
}

/** The result of one provider call. */
export type ProviderOutcome = Traffic &
  (
    | {
        readonly kind: "ok";
        readonly contentType: string;
        /** The bytes of a whole answer as they came, or those of the finished response object. */
        readonly body?: Buffer;
        /** The last events of a stream, held back until the ledger row is written. */
        readonly tail?: string;
        /** Present for a response, which always has both `body` and `tail`. */
        readonly responseStatus?: ResponseStatus;
      }
    | {
        readonly kind: "failed";
        readonly reason: FailureReason;
        readonly status?: number;
        readonly retryAfterMs?: number;
        readonly error?: UpstreamError;
        /** The target would accept the request with an output cap of this many tokens. */
        readonly fittingOutputCap?: number;
        /** The broker's description for logs. It never holds a prompt or a result. */
        readonly detail: string;
      }
    /** The caller's abort signal stopped the call. */
    | { readonly kind: "aborted" }
  );
