/** The reasons why a call to a tenant's address got no answer. */
export type EgressFailure = "refused_address" | "dns" | "connect" | "tls" | "timeout" | "reset";

/**
 * A call that got no answer. The message names no address. `cause` may name one, and is for the
 * log.
 */
export class EgressError extends Error {
  override readonly name = "EgressError";
  readonly reason: EgressFailure;

  constructor(reason: EgressFailure, message: string, cause?: unknown) {
    super(message, { cause });
    this.reason = reason;
  }
}
