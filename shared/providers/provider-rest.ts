import type { Pool } from "pg";
import type { RestReason } from "../contracts/rest-reason.ts";
import { statement } from "../db/statement.ts";

interface RestOptions {
  readonly reason: RestReason;
  /**
   * The length of the first rest. Each rest after a failed trial is twice as long, up to the cap.
   */
  readonly firstMs: number;
  readonly capMs: number;
  /** The wait that the provider itself has asked for. */
  readonly leastMs: number;
}

/** The statements by which the fleet agrees which provider rests and which worker tries it. */
export interface RestStatements {
  /** Returns the milliseconds until the rest is over. */
  rest(provider: string, options: RestOptions): Promise<number>;
  /**
   * Returns true when this worker may make the one trial call. The right lasts for `forMs`, unless
   * the worker asks again.
   */
  tryOut(provider: string, worker: string, forMs: number): Promise<boolean>;
  /** Ends the wait before a trial call. */
  wake(provider: string): Promise<void>;
  well(provider: string): Promise<void>;
}

export function restStatements(pool: Pick<Pool, "query">): RestStatements {
  return {
    async rest(provider, { reason, firstMs, capMs, leastMs }) {
      const { rows } = await pool.query<{ ms: number | null }>(
        statement("rest_provider", "select rest_provider($1, $2, $3, $4, $5) as ms", [
          provider,
          reason,
          firstMs,
          capMs,
          Math.ceil(leastMs),
        ]),
      );
      return rows[0]?.ms ?? firstMs;
    },
    async tryOut(provider, worker, forMs) {
      const { rows } = await pool.query<{ mine: boolean }>(
        statement("try_provider", "select try_provider($1, $2, $3) as mine", [
          provider,
          worker,
          forMs,
        ]),
      );
      return rows[0]?.mine === true;
    },
    async wake(provider) {
      await pool.query(statement("wake_provider", "select wake_provider($1)", [provider]));
    },
    async well(provider) {
      await pool.query(statement("end_rest", "select end_rest($1)", [provider]));
    },
  };
}
