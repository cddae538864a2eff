import type { Residency } from "../contracts/plan.ts";
import type { ServiceClass } from "../contracts/job-request.ts";
import type { KeyRow } from "./key-row.ts";

/** The key of a caller, with what the caller may ask for. */
export interface CallerKey {
  readonly id: string;
  readonly name: string;
  /** Public model names that the key may use; null allows all. */
  readonly models: readonly string[] | null;
  readonly residency: Residency;
  readonly maxServiceTier: Exclude<ServiceClass, "batch">;
  /** A budget limits the key, so every job needs a known worst case. */
  readonly budgeted: boolean;
  /** A request may name an address that gets a webhook about its end. */
  readonly allowWebhookUrl: boolean;
}

export function toCallerKey(row: KeyRow): CallerKey {
  return {
    id: row.id,
    name: row.name,
    models: row.models,
    residency: row.residency,
    maxServiceTier: row.max_service_tier,
    budgeted: row.budgeted,
    allowWebhookUrl: row.allow_webhook_url,
  };
}
