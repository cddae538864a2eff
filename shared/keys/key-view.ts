import { formatUsd } from "../money/usd.ts";
import type { BudgetPeriod } from "./key-input.ts";

/** A key as the admin API and the command line show it. Amounts are in USD, times in ISO 8601. */
export interface KeyView {
  readonly id: string;
  readonly object: "key";
  readonly name: string;
  readonly hint: string;
  readonly models: readonly string[] | null;
  readonly residency: "local" | "any";
  readonly max_service_tier: "priority" | "default" | "flex";
  readonly allow_webhook_url: boolean;
  readonly budget: {
    readonly limit_usd: string;
    readonly period: BudgetPeriod;
    readonly settled_usd: string;
    readonly held_usd: string;
    /** With null, the budget never resets. */
    readonly resets_at: string | null;
  } | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly created_at: string;
}

export interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly models: string[] | null;
  readonly residency: KeyView["residency"];
  readonly max_service_tier: KeyView["max_service_tier"];
  readonly allow_webhook_url: boolean;
  readonly expires_at: Date | null;
  readonly revoked_at: Date | null;
  readonly created_at: Date;
  readonly limit_nanos: bigint | null;
  readonly period: BudgetPeriod | null;
  readonly settled_nanos: bigint;
  readonly held_nanos: bigint;
  readonly resets_at: Date | null;
}

/**
 * Selects keys `k` with the state of their budgets; a `where` clause can follow. A period that
 * nobody has opened yet counts as empty.
 */
export const selectKeys = `
  select k.id, k.name, k.hint, k.models, k.residency, k.max_service_tier, k.allow_webhook_url, k.expires_at,
    k.revoked_at, k.created_at, b.limit_nanos, b.period,
    coalesce(p.settled_nanos, 0) as settled_nanos, coalesce(p.held_nanos, 0) as held_nanos,
    case when b.period <> 'total' then coalesce(p.ends_at,
      (date_trunc(b.period, now(), 'UTC') at time zone 'UTC' + ('1 ' || b.period)::interval)
        at time zone 'UTC') end as resets_at
  from keys k
  left join budgets b on b.key_id = k.id and b.removed_at is null
  left join budget_periods p
    on p.budget_id = b.id and p.period = b.period and p.starts_at <= now() and now() < p.ends_at`;

export function toKeyView(row: KeyRow): KeyView {
  return {
    id: row.id,
    object: "key",
    name: row.name,
    hint: row.hint,
    models: row.models,
    residency: row.residency,
    max_service_tier: row.max_service_tier,
    allow_webhook_url: row.allow_webhook_url,
    budget:
      row.limit_nanos === null || row.period === null
        ? null
        : {
            limit_usd: formatUsd(row.limit_nanos),
            period: row.period,
            settled_usd: formatUsd(row.settled_nanos),
            held_usd: formatUsd(row.held_nanos),
            resets_at: row.resets_at?.toISOString() ?? null,
          },
    expires_at: row.expires_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
  };
}
