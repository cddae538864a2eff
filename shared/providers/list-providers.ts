import type { Pool } from "pg";
import type { Location } from "../contracts/plan.ts";
import type { EngineState } from "./engine-state.ts";
import type { ProviderStates } from "./provider-states.ts";
import { statement } from "../db/statement.ts";

export interface ProviderView {
  readonly name: string;
  readonly location: Location;
  readonly healthy: boolean;
  readonly slots: number;
  /** Open attempts, over the whole fleet. */
  readonly in_flight: number;
  /** Jobs that wait for a slot here. */
  readonly queued: number;
  /** What serves there; null: not recognised, or not asked yet. */
  readonly engine: string | null;
  readonly engine_version: string | null;
  /** Calls that the engine says it runs side by side. */
  readonly engine_slots: number | null;
  /** Its models with their context in tokens; null: it gave no list. */
  readonly models: EngineState["models"];
  /** What of the configuration does not go with the engine, in words for operators. */
  readonly problems: EngineState["problems"];
}

interface ProviderRow extends Pick<ProviderView, "name" | "location" | "healthy" | "slots"> {
  readonly engine: EngineState | null;
  readonly in_flight: bigint;
  readonly queued: bigint;
}

/**
 * Reads the load of every provider. Health is what this process sees, where it has a board: its
 * probes know first, and what is not on it has left the configuration.
 */
export async function listProviders(
  database: Pick<Pool, "query">,
  providerStates?: Pick<ProviderStates, "get">,
): Promise<ProviderView[]> {
  const { rows } = await database.query<ProviderRow>(
    statement(
      "list_providers",
      `
        select p.name, p.location, p.healthy, p.slots, p.engine,
          coalesce(a.in_flight, 0) as in_flight, coalesce(j.queued, 0) as queued
        from providers p
        left join (select provider, count(*) as in_flight from attempts group by provider) a
          on a.provider = p.name
        left join (
          select provider, count(*) as queued from jobs where state = 'waiting' group by provider
        ) j on j.provider = p.name
        order by p.id`,
    ),
  );
  const configured = rows.filter(
    ({ name }) => providerStates === undefined || providerStates.get(name) !== undefined,
  );
  return configured.map((row) => ({
    name: row.name,
    location: row.location,
    healthy: providerStates?.get(row.name)?.up ?? row.healthy,
    slots: row.slots,
    in_flight: Number(row.in_flight),
    queued: Number(row.queued),
    engine: row.engine?.engine ?? null,
    engine_version: row.engine?.version ?? null,
    engine_slots: row.engine?.slots ?? null,
    models: row.engine?.models ?? null,
    problems: row.engine?.problems ?? [],
  }));
}
