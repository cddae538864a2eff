import { type Pool, TypeOverrides, types } from "pg";
import { GuardedPool } from "../postgres/guarded-pool.ts";

export interface PoolOptions {
  readonly connectionString: string;
  readonly maxConnections: number;
  readonly applicationName: string;
  /** It gets an error on an idle connection, because no query is there to fail. */
  readonly onIdleError: (error: Error) => void;
}

/** The wait for a row lock is short, so that one locked key does not hold up other keys. */
const LOCK_TIMEOUT_MS = 150;
const STATEMENT_TIMEOUT_MS = 10_000;
/** It is above the statement timeout, so that the server's own error comes first. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 2_000;

/**
 * Makes a pool for the broker's own statements. `bigint` columns come as JavaScript `bigint`. A
 * server that does not answer in time loses the connection, so that nobody waits for it forever.
 */
export function createPool(options: PoolOptions): Pool {
  const bigintTypes = new TypeOverrides();
  bigintTypes.setTypeParser(types.builtins.INT8, BigInt);
  return new GuardedPool(
    {
      connectionString: options.connectionString,
      max: options.maxConnections,
      application_name: options.applicationName,
      // This also counts the wait for one of the pool's connections, whose statements may be slow.
      connectionTimeoutMillis: ANSWER_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      keepAlive: true,
      types: bigintTypes,
    },
    options.onIdleError,
  );
}
