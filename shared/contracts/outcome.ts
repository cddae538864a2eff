/** Token counts over all choices: integers from 0 to 2^31 - 1. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** What the upstream reported. A floor is no last word: at least so many tokens were used. */
export interface ReportedUsage extends Usage {
  /** Told before the answer's end, or of a part of the prompts. */
  readonly promptIsFloor?: true;
  /** Told before the answer's end, or of a part of the choices. */
  readonly completionIsFloor?: true;
}

/** Why a call did not end well; `decide-next.ts` has what follows from each. */
export const failureReasons = [
  /** Refused, unreachable, DNS or TLS failure, or no connection in time: nothing was sent. */
  "connect",
  /** The provider refused our credential or account, not the caller's. */
  "auth",
  /** The provider does not serve this model, endpoint or path to us: a misconfigured target. */
  "not_found",
  /** The provider has no `/v1/responses`; from now on it is asked through chat completions. */
  "no_endpoint",
  /**
   * This target cannot take the request, another may: it knows no tools or images, a proxy before it
   * bounds the body, or (not sent) chat completions cannot say what was asked.
   */
  "unsupported",
  /** 408. */
  "request_timeout",
  /** 409. */
  "conflict",
  /** 429 that passes with time; an engine that is full, still loading or about to stop. */
  "rate_limited",
  /** 429 or 402 that does not pass with time: credit or spend limit used up. */
  "quota_exhausted",
  /** 5xx, 529 included. */
  "server_error",
  /** The 400 family: the request itself is at fault, everywhere. */
  "bad_request",
  /** The prompt does not fit this target's context. */
  "context_overflow",
  /** The stream or body ended before the answer was complete, or the engine gave up on it. */
  "cut",
  /** Not the shape that was asked for: HTML, broken JSON, too large. */
  "malformed",
  "first_byte_timeout",
  "idle_timeout",
  /** Cut by us: it waited inside the engine longer than its route allows, and can run elsewhere. */
  "engine_queue",
] as const;

export type FailureReason = (typeof failureReasons)[number];

/**
 * Whether a failure may be over at another time, so that a batch's line is worth another job. The
 * function `passes_with_time` in the database says the same.
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

/** The upstream's own words about a refusal, cleaned for passing on. */
export interface UpstreamError {
  readonly message: string;
  readonly code?: string;
  readonly param?: string;
}

/** How a response that is done ended. */
export type ResponseStatus = "completed" | "incomplete";

interface Traffic {
  /** The request may have reached the provider. False only when no connection was made. */
  readonly sent: boolean;
  /** Response headers arrived. */
  readonly gotHeaders: boolean;
  /** UTF-8 bytes of generated text seen, the upper bound of output tokens when usage is missing. */
  readonly outputBytes: number;
  /** Undefined when the upstream reported nothing readable. */
  readonly usage: ReportedUsage | undefined;
  /** The answer was to come in one piece, so that `outputBytes` does not tell what was generated. */
  readonly hidesOutput?: true;
  /** From the call's start to the first byte of the answer or the first event; null before. */
  readonly ttftMs: number | null;
}

/** How one call to a provider ended. */
export type ProviderOutcome = Traffic &
  (
    | {
        readonly kind: "ok";
        readonly contentType: string;
        /** A whole answer's bytes: as they came, or the finished response object. */
        readonly body?: Buffer;
        /** A stream's last events, held back until the ledger row is written. */
        readonly tail?: string;
        /** Of a response, which always has both `body` and `tail`. */
        readonly responseStatus?: ResponseStatus;
      }
    | {
        readonly kind: "failed";
        readonly reason: FailureReason;
        readonly status?: number;
        readonly retryAfterMs?: number;
        readonly error?: UpstreamError;
        /** The target would take the request with an output cap of so many tokens. */
        readonly fittingOutputCap?: number;
        /** Our words for logs; never a prompt or a result. */
        readonly detail: string;
      }
    /** The given signal stopped the call. */
    | { readonly kind: "aborted" }
  );
