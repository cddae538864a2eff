import { setTimeout as sleep } from "node:timers/promises";
import type { Pool, PoolClient } from "pg";
import { classifyDatabaseError } from "./classify-database-error.ts";

const MAX_TRIES = 5;
/** Under a slow database locks are held for longer: no fewer tries, and no less time than this. */
const LOCKS_MS = 5_000;
/** A database that is away for longer is the caller's business. */
const RECONNECT_MS = 2_000;
const RECONNECT_PAUSE_MS = 50;

/**
 * Runs statements that take effect together. What the server rolled back runs again, for another's
 * sake (a lock that took too long, a deadlock) or since the session ended before the commit was sent,
 * so `work` may be called more than once. A session that ends with the commit on its way is an error:
 * nobody knows whether it took effect.
 */
export async function inTransaction<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
): Promise<Result> {
  const begunAt = performance.now();
  for (let tries = 1; ; tries++) {
    const transaction = { mayHaveCommitted: false };
    try {
      return await once(pool, work, transaction);
    } catch (error) {
      const failure = classifyDatabaseError(error);
      const elapsedMs = performance.now() - begunAt;
      if (failure === "data" || (tries >= MAX_TRIES && elapsedMs > LOCKS_MS)) throw error;
      if (failure !== "connection") continue;
      if (transaction.mayHaveCommitted || elapsedMs > RECONNECT_MS) throw error;
      await sleep(Math.random() * RECONNECT_PAUSE_MS);
    }
  }
}

async function once<Result>(
  pool: Pool,
  work: (client: PoolClient) => Promise<Result>,
  transaction: { mayHaveCommitted: boolean },
): Promise<Result> {
  const client = await pool.connect();
  let unusable = false;
  try {
    await client.query("begin");
    const result = await work(client);
    transaction.mayHaveCommitted = true;
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
