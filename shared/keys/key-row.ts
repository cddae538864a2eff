/** The row of a key, and whether a budget limits the key. */
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

/** The query calls keys `k` and budgets `b`. */
export const keyColumns = `k.id, k.name, k.models, k.residency, k.max_service_tier,
  b.id is not null as budgeted, k.revoked_at is not null as revoked, k.expires_at,
  k.allow_webhook_url`;

/** Joins the budget of each key `k`, if it has one. */
export const joinBudget = "left join budgets b on b.key_id = k.id and b.removed_at is null";
