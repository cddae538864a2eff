import type { Pool } from "pg";

type Query = Pick<Pool, "query">;

/** Asks a key's batch to end. What is done of it stays; one that has ended stays as it is. */
export async function cancelBatch(pool: Query, key: string, batch: string): Promise<void> {
  await pool.query("select cancel_batch($1, $2)", [key, batch]);
}

/** Sets the most that a live batch may cost. False: it has ended, or has no cap. */
export async function raiseCap(pool: Query, batch: string, nanos: bigint): Promise<boolean> {
  const { rows } = await pool.query<{ done: boolean }>("select set_batch_cap($1, $2) as done", [
    batch,
    String(nanos),
  ]);
  return rows[0]?.done === true;
}
