/**
 * Every error that a caller can see: its HTTP status, the `type` of the OpenAI error body,
 * and whether the same request may succeed when sent again. `retryable: false` sends
 * `x-should-retry: false`, because the OpenAI SDKs retry 408, 409, 429 and 5xx on status alone.
 */
export const errorCatalogue = {
  invalid_request: { status: 400, type: "invalid_request_error", retryable: false },
  invalid_json: { status: 400, type: "invalid_request_error", retryable: false },
  context_length_exceeded: { status: 400, type: "invalid_request_error", retryable: false },
  upstream_rejected: { status: 400, type: "invalid_request_error", retryable: false },
  invalid_api_key: { status: 401, type: "invalid_request_error", retryable: false },
  insufficient_quota: { status: 402, type: "insufficient_quota", retryable: false },
  permission_denied: { status: 403, type: "permission_error", retryable: false },
  not_found: { status: 404, type: "invalid_request_error", retryable: false },
  model_not_found: { status: 404, type: "invalid_request_error", retryable: false },
  method_not_allowed: { status: 405, type: "invalid_request_error", retryable: false },
  /** The caller asked for the result before the job has ended. */
  not_ready: { status: 409, type: "invalid_request_error", retryable: false },
  payload_too_large: { status: 413, type: "invalid_request_error", retryable: false },
  range_not_satisfiable: { status: 416, type: "invalid_request_error", retryable: false },
  unsupported_media_type: { status: 415, type: "invalid_request_error", retryable: false },
  /** The idempotency key belongs to another request. */
  idempotency_conflict: { status: 422, type: "invalid_request_error", retryable: false },
  rate_limit_exceeded: { status: 429, type: "rate_limit_error", retryable: true },
  /**
   * The caller disconnected or asked to stop. Nobody reads this answer, but the log and the job
   * record it.
   */
  cancelled: { status: 499, type: "cancelled", retryable: false },
  internal_error: { status: 500, type: "server_error", retryable: true },
  /** Every allowed attempt failed upstream. */
  upstream_failed: { status: 502, type: "server_error", retryable: true },
  /** The broker lost the answer after the call may have run, so a retry could be billed twice. */
  answer_lost: { status: 502, type: "server_error", retryable: false },
  /** The job was running each time that its workers died. */
  poison: { status: 500, type: "server_error", retryable: false },
  no_capacity: { status: 503, type: "server_error", retryable: true },
  unavailable: { status: 503, type: "server_error", retryable: true },
  deadline_exceeded: { status: 504, type: "server_error", retryable: false },
} as const;

export type ErrorCode = keyof typeof errorCatalogue;
