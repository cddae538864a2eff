import type { Pool } from "pg";
import type { RestReason } from "../contracts/rest-reason.ts";
import type { EngineState } from "./engine-state.ts";
import { statement } from "../db/statement.ts";

/** A provider's state in the whole fleet. */
export interface ProviderHealth {
  readonly name: string;
  /** The slot limit in force, whatever this host's file says. */
  readonly slots: number;
  /**
   * The provider does not rest, and some worker reaches it or there is no worker that could say.
   */
  readonly healthy: boolean;
  /**
   * The time until the provider's rest is over. A negative value means that the rest is over and
   * the provider may be tried. Null means that it does not rest.
   */
  readonly resting_ms: number | null;
  readonly rest_reason: RestReason | null;
}

/**
 * Records which providers a worker cannot reach. Returns the fleet's knowledge of all providers.
 */
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

/** Callers see these facts about an engine. Null means that nothing is known yet. */
interface KnownEngine {
  readonly context_lengths: EngineState["context_lengths"] | null;
  readonly truncates: boolean | null;
}

/** Reads the fleet's knowledge of all providers. */
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
