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
  /** Open attempts over the whole fleet. */
  readonly in_flight: number;
  /** Jobs that wait for a slot at this provider. */
  readonly queued: number;
  /** The name of the engine. Null when it was not recognised, or not asked yet. */
  readonly engine: string | null;
  readonly engine_version: string | null;
  /** The number of calls that the engine says it runs in parallel. */
  readonly engine_slots: number | null;
  /** The engine's models with their context in tokens. Null when it gave no list. */
  readonly models: EngineState["models"];
  /** Parts of the configuration that do not fit the engine, in words for operators. */
  readonly problems: EngineState["problems"];
}

interface ProviderRow extends Pick<ProviderView, "name" | "location" | "healthy" | "slots"> {
  readonly engine: EngineState | null;
  readonly in_flight: bigint;
  readonly queued: bigint;
}

/**
 * Reads the load of every provider. Health is as this process sees it, where `providerStates` is
 * given: its probes know first, and a provider that is not in it has left the configuration.
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
