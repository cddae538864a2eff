/** A key's row with whether a budget stands above it. */
export interface KeyRow {
  readonly id: string;
  readonly name: string;
  readonly models: string[] | null;
  readonly residency: "local" | "any";
  readonly max_service_tier: "priority" | "default" | "flex";
  readonly budgeted: boolean;
  readonly revoked: boolean;
  readonly expires_at: Date | null;
  readonly allow_webhook_url: boolean;
}

/** The columns, of keys `k` and their budgets `b`. */
export const keyColumns = `k.id, k.name, k.models, k.residency, k.max_service_tier,
  b.id is not null as budgeted, k.revoked_at is not null as revoked, k.expires_at,
  k.allow_webhook_url`;

/** The budget above each key, if there is one. */
export const joinBudget = "left join budgets b on b.key_id = k.id and b.removed_at is null";
