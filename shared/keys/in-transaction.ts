import type { Pool, PoolClient } from "pg";
import { classifyDatabaseError } from "../db/classify-database-error.ts";

const MAX_TRIES = 5;

/**
 * Runs statements that take effect together. What the server rolled back for another's sake (a
 * lock that took too long, a deadlock) runs again, so `work` may be called more than once.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await once(pool, work);
    } catch (error) {
      const failure = classifyDatabaseError(error);
      if (tries === MAX_TRIES || (failure !== "busy" && failure !== "conflict")) throw error;
    }
  }
}

async function once<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  let unusable = false;
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch(() => {
      unusable = true;
    });
    throw error;
  } finally {
    client.release(unusable);
  }
}
