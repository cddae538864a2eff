import type { Pool } from "pg";
import { sumBudgetPeriods } from "../budgets/budget-periods.ts";
import { listProviders, type ProviderView } from "../providers/list-providers.ts";
import type { ProviderStates } from "../providers/provider-states.ts";

export interface GaugeSources {
  readonly pool: Pick<Pool, "query">;
  readonly providerStates: Pick<ProviderStates, "get">;
}

export interface GaugeReadings {
  readonly providers: readonly ProviderView[];
  /** The sums cover the current periods of all budgets, in nano-USD. */
  readonly heldNanos: bigint;
  readonly settledNanos: bigint;
}

/** Reads the values of the gauges from the database and the provider states. */
export async function readGauges({ pool, providerStates }: GaugeSources): Promise<GaugeReadings> {
  const [providers, sums] = await Promise.all([
    listProviders(pool, providerStates),
    sumBudgetPeriods(pool),
  ]);
  return { providers, ...sums };
}
