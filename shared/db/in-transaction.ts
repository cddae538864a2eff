import { setTimeout as sleep } from "node:timers/promises";
import type { Pool, PoolClient } from "pg";
import { classifyDatabaseError } from "./classify-database-error.ts";

const MAX_TRIES = 5;
/**
 * A slow database holds locks for longer, so tries end only after this time and `MAX_TRIES` tries.
 */
const LOCKS_MS = 5_000;
/** The caller handles a database that is away for longer. */
const RECONNECT_MS = 2_000;
const RECONNECT_PAUSE_MS = 50;

/**
 * Runs statements that take effect together. The transaction runs again if the server rolled it
 * back because of another session (a lock that took too long, a deadlock), or if its own session
 * ended before the commit was sent. So `work` may be called more than once. If the session ends
 * while the commit is on its way, nobody knows whether it took effect, and this throws the error.
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
