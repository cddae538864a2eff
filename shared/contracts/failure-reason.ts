interface FailureRule {
  /**
   * True for failures that may be over at another time, so that a batch's line is worth another job.
   * The database function `passes_with_time` has the same values.
   */
  readonly passesWithTime: boolean;
  /** False when the call did not run, or only the broker stopped it: no attempt is used up. */
  readonly counts: boolean;
  /**
   * The targets that may take the request after this failure: any, also the same one (`anywhere`),
   * only others (`elsewhere`), only those with more room (`roomier`) or none (`nowhere`).
   */
  readonly retryAt: "anywhere" | "elsewhere" | "roomier" | "nowhere";
}

/** The reasons why a call failed. `decide-next.ts` says what follows from each. */
export const failureRules = {
  /**
   * No connection was made in time, by a refusal, an unreachable host, or a failure of DNS or TLS.
   * Nothing was sent.
   */
  connect: { passesWithTime: true, counts: false, retryAt: "anywhere" },
  /** The provider refused the broker's credential or account, not the caller's. */
  auth: { passesWithTime: true, counts: true, retryAt: "elsewhere" },
  /**
   * The provider does not serve this model, endpoint or path to the broker: the target is
   * misconfigured.
   */
  not_found: { passesWithTime: false, counts: true, retryAt: "elsewhere" },
  /** The provider has no `/v1/responses`. From now on it is asked through chat completions. */
  no_endpoint: { passesWithTime: false, counts: false, retryAt: "anywhere" },
  /**
   * This target cannot take the request, but another may. It supports no tools or images, or a
   * proxy in front of it bounds the body. Or chat completions cannot express the request, and then
   * nothing was sent.
   */
  unsupported: { passesWithTime: false, counts: true, retryAt: "elsewhere" },
  /** HTTP status 408. */
  request_timeout: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  /** HTTP status 409. */
  conflict: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  /** A 429 that passes with time, or an engine that is full, still loading or about to stop. */
  rate_limited: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  /** A 429 or 402 that does not pass with time: the credit or the spend limit is used up. */
  quota_exhausted: { passesWithTime: true, counts: true, retryAt: "elsewhere" },
  /** HTTP status 5xx, including 529. */
  server_error: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  /** A status of the 400 family: the request itself is wrong, at every target. */
  bad_request: { passesWithTime: false, counts: true, retryAt: "nowhere" },
  /** The prompt does not fit this target's context. */
  context_overflow: { passesWithTime: false, counts: true, retryAt: "roomier" },
  /** The stream or body ended before the answer was complete, or the engine gave up on it. */
  cut: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  /** The answer does not have the expected shape: it is HTML, broken JSON or too large. */
  malformed: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  first_byte_timeout: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  idle_timeout: { passesWithTime: true, counts: true, retryAt: "anywhere" },
  /**
   * The broker stopped the call, because it waited inside the engine longer than its route allows
   * and can run elsewhere.
   */
  engine_queue: { passesWithTime: false, counts: false, retryAt: "anywhere" },
} as const satisfies Record<string, FailureRule>;

export type FailureReason = keyof typeof failureRules;

export const failureReasons = Object.keys(failureRules) as FailureReason[];
