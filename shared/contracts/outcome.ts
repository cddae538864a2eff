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

/** The reasons why a call failed. `decide-next.ts` says what follows from each. */
export const failureReasons = [
  /**
   * No connection was made in time, by a refusal, an unreachable host, or a failure of DNS or TLS.
   * Nothing was sent.
   */
  "connect",
  /** The provider refused the broker's credential or account, not the caller's. */
  "auth",
  /**
   * The provider does not serve this model, endpoint or path to the broker: the target is
   * misconfigured.
   */
  "not_found",
  /** The provider has no `/v1/responses`. From now on it is asked through chat completions. */
  "no_endpoint",
  /**
   * This target cannot take the request, but another may. It supports no tools or images, or a
   * proxy in front of it bounds the body. Or chat completions cannot express the request, and then
   * nothing was sent.
   */
  "unsupported",
  /** HTTP status 408. */
  "request_timeout",
  /** HTTP status 409. */
  "conflict",
  /** A 429 that passes with time, or an engine that is full, still loading or about to stop. */
  "rate_limited",
  /** A 429 or 402 that does not pass with time: the credit or the spend limit is used up. */
  "quota_exhausted",
  /** HTTP status 5xx, including 529. */
  "server_error",
  /** A status of the 400 family: the request itself is wrong, at every target. */
  "bad_request",
  /** The prompt does not fit this target's context. */
  "context_overflow",
  /** The stream or body ended before the answer was complete, or the engine gave up on it. */
  "cut",
  /** The answer does not have the expected shape: it is HTML, broken JSON or too large. */
  "malformed",
  "first_byte_timeout",
  "idle_timeout",
  /**
   * The broker stopped the call, because it waited inside the engine longer than its route allows
   * and can run elsewhere.
   */
  "engine_queue",
] as const;

export type FailureReason = (typeof failureReasons)[number];

/**
 * True for failures that may be over at another time, so that a batch's line is worth another job.
 * The database function `passes_with_time` has the same values.
 */
export const passesWithTime: Readonly<Record<FailureReason, boolean>> = {
  connect: true,
  auth: true,
  not_found: false,
  no_endpoint: false,
  unsupported: false,
  request_timeout: true,
  conflict: true,
  rate_limited: true,
  quota_exhausted: true,
  server_error: true,
  bad_request: false,
  context_overflow: false,
  cut: true,
  malformed: true,
  first_byte_timeout: true,
  idle_timeout: true,
  engine_queue: false,
};

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
