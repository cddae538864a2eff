import type { Pool } from "pg";
import { listProviders, type ProviderView } from "../providers/list-providers.ts";
import type { ProviderStates } from "../providers/provider-states.ts";

export interface GaugeSources {
  readonly pool: Pick<Pool, "query">;
  readonly providerStates: Pick<ProviderStates, "get">;
}

export interface GaugeReadings {
  readonly providers: readonly ProviderView[];
  /** Sums over the current periods of all budgets, in nano-USD. */
  readonly heldNanos: bigint;
  readonly settledNanos: bigint;
}

/** Reads what the gauges show, from the database and the board. */
export async function readGauges({ pool, providerStates }: GaugeSources): Promise<GaugeReadings> {
  const [providers, money] = await Promise.all([
    listProviders(pool, providerStates),
    // Cast: sums of bigint are numeric, which would come as strings.
    pool.query<{ held: bigint; settled: bigint }>(`
      select coalesce(sum(p.held_nanos), 0)::bigint as held,
        coalesce(sum(p.settled_nanos), 0)::bigint as settled
      from budget_periods p
      join budgets b on b.id = p.budget_id and b.period = p.period and b.removed_at is null
      where p.starts_at <= now() and now() < p.ends_at`),
  ]);
  const [sums] = money.rows;
  return { providers, heldNanos: sums?.held ?? 0n, settledNanos: sums?.settled ?? 0n };
}
