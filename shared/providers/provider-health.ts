import type { Pool } from "pg";
import type { RestReason } from "../contracts/rest-reason.ts";
import type { EngineState } from "./engine-state.ts";
import { statement } from "../db/statement.ts";

/** A provider as the whole fleet sees it. */
export interface ProviderHealth {
  readonly name: string;
  /** The limit in force, whatever this host's file says. */
  readonly slots: number;
  /** Some worker reaches it, or there is no worker that could say; and it does not rest. */
  readonly healthy: boolean;
  /** Until its rest is over; negative: it is over, and it may be tried. Null: it is well. */
  readonly resting_ms: number | null;
  readonly rest_reason: RestReason | null;
}

/** Writes down which providers a worker cannot reach; returns what the fleet knows of all. */
export async function reportHealth(
  pool: Pick<Pool, "query">,
  worker: string,
  unreachable: readonly string[],
): Promise<ProviderHealth[]> {
  const { rows } = await pool.query<ProviderHealth>(
    statement("report_health", "select * from report_health($1, $2)", [worker, unreachable]),
  );
  return rows;
}

/** What callers are told of an engine; null: nothing is known yet. */
interface KnownEngine {
  readonly context_lengths: EngineState["context_lengths"] | null;
  readonly truncates: boolean | null;
}

/** What the fleet knows of all providers. */
export async function readHealth(
  pool: Pick<Pool, "query">,
): Promise<(ProviderHealth & KnownEngine)[]> {
  const { rows } = await pool.query<ProviderHealth & KnownEngine>(
    statement(
      "read_health",
      `select name, slots, healthy, rest_reason,
         engine -> 'context_lengths' as context_lengths,
         (engine -> 'truncates')::boolean as truncates,
         (extract(epoch from resting_until - now()) * 1000)::double precision as resting_ms
       from providers`,
    ),
  );
  return rows;
}
