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
  /** Sums over the current periods of all budgets, in nano-USD. */
  readonly heldNanos: bigint;
  readonly settledNanos: bigint;
}

/** Reads what the gauges show, from the database and the board. */
export async function readGauges({ pool, providerStates }: GaugeSources): Promise<GaugeReadings> {
  const [providers, sums] = await Promise.all([
    listProviders(pool, providerStates),
    sumBudgetPeriods(pool),
  ]);
  return { providers, ...sums };
}
