import type { ErrorCode } from "./catalogue.ts";

interface AccountError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly retryable: false;
}

/**
 * The errors that callers get when the providers of a model refuse the broker's own credential or
 * account. Only the operator can fix that, and callers are not told whose account it is.
 */
export const accountErrors = {
  credential: {
    code: "upstream_failed",
    message: "A provider is misconfigured at the broker; sending the request again will not help.",
    retryable: false,
  },
  quota: {
    code: "no_capacity",
    message: "The broker's quota at the providers of this model is used up.",
    retryable: false,
  },
} as const satisfies Record<string, AccountError>;

export type AccountProblem = keyof typeof accountErrors;
