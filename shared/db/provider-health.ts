import type { Pool } from "pg";

/** A provider as the whole fleet sees it. */
export interface ProviderHealth {
  readonly name: string;
  /** The limit in force, whatever this host's file says. */
  readonly slots: number;
  /** Some worker reaches it, or there is no worker that could say. */
  readonly healthy: boolean;
}

/** Writes down which providers a worker cannot reach; returns what the fleet knows of all. */
export async function reportHealth(
  pool: Pick<Pool, "query">,
  worker: string,
  unreachable: readonly string[],
): Promise<ProviderHealth[]> {
  const { rows } = await pool.query<ProviderHealth>("select * from report_health($1, $2)", [
    worker,
    unreachable,
  ]);
  return rows;
}

/** What the fleet knows of all providers. */
export async function readHealth(pool: Pick<Pool, "query">): Promise<ProviderHealth[]> {
  const { rows } = await pool.query<ProviderHealth>("select name, slots, healthy from providers");
  return rows;
}
