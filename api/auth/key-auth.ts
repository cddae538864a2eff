import type { Residency } from "../../shared/contracts/plan.ts";
import type { ServiceClass } from "../../shared/contracts/service-class.ts";

/** Who calls, and what that key may ask for. */
export interface CallerKey {
  readonly id: string;
  readonly name: string;
  /** Public model names that the key may use; null: all. */
  readonly models: readonly string[] | null;
  readonly residency: Residency;
  readonly maxServiceTier: Exclude<ServiceClass, "batch">;
  /** A budget stands above the key, so that every job needs a known worst case. */
  readonly budgeted: boolean;
}

export interface KeyAuth {
  /**
   * Tells whose key an `Authorization` header carries. Throws `BrokerError` `invalid_api_key`, one
   * shape for missing, malformed, unknown, expired and revoked, and `unavailable` when the
   * database cannot be asked.
   */
  authenticate(authorization: string | undefined): Promise<CallerKey>;
}
