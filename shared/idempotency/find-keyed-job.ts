import type { Pool } from "pg";
import { preparedStatement } from "../db/statement.ts";

export interface IdempotencyKey {
  readonly path: string;
  readonly key: string;
  /** The SHA-256 of the request's body, in hex. */
  readonly hash: string;
}

/**
 * Finds the job that the same request created under an idempotency key within the last day, if any.
 */
export async function findKeyedJob(
  pool: Pick<Pool, "query">,
  caller: string,
  { path, key, hash }: IdempotencyKey,
): Promise<string | undefined> {
  const { rows } = await pool.query<{ job_id: string }>(
    preparedStatement(
      "find_keyed_job",
      `select job_id from idempotency_keys
       where key_id = $1 and path = $2 and idem_key = $3 and body_hash = decode($4, 'hex')
         and created_at >= now() - interval '24 h' and job_id is not null`,
      [caller, path, key, hash],
    ),
  );
  return rows[0]?.job_id;
}
