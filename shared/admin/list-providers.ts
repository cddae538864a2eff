import type { Pool } from "pg";
import type { Location } from "../contracts/plan.ts";
import type { ProviderBoard } from "../providers/provider-board.ts";

export interface ProviderView {
  readonly name: string;
  readonly location: Location;
  readonly healthy: boolean;
  readonly slots: number;
  /** Open attempts, over the whole fleet. */
  readonly in_flight: number;
  /** Jobs that wait for a slot here. */
  readonly queued: number;
}

type ProviderRow = Omit<ProviderView, "in_flight" | "queued"> & {
  readonly in_flight: bigint;
  readonly queued: bigint;
};

/**
 * Reads the load of every provider. Health is what this process sees, where it has a board: its
 * probes know first.
 */
export async function listProviders(
  database: Pick<Pool, "query">,
  board?: Pick<ProviderBoard, "get">,
): Promise<ProviderView[]> {
  const { rows } = await database.query<ProviderRow>(`
    select p.name, p.location, p.healthy, p.slots,
      coalesce(a.in_flight, 0) as in_flight, coalesce(j.queued, 0) as queued
    from providers p
    left join (select provider, count(*) as in_flight from attempts group by provider) a
      on a.provider = p.name
    left join (
      select provider, count(*) as queued from jobs where state = 'waiting' group by provider
    ) j on j.provider = p.name
    order by p.id`);
  return rows.map((row) => ({
    name: row.name,
    location: row.location,
    healthy: board?.get(row.name)?.up ?? row.healthy,
    slots: row.slots,
    in_flight: Number(row.in_flight),
    queued: Number(row.queued),
  }));
}
