import { setTimeout as sleep } from "node:timers/promises";
import { classifyDatabaseError } from "./classify-database-error.ts";

const MAX_TRIES = 3;
/** The caller handles a database that is away for longer. */
const WITHIN_MS = 1_000;
const PAUSE_MS = 20;

/**
 * Runs a statement that only reads, and once or twice more if its session ends meanwhile. A session
 * that the server terminates or a failover cuts is not a reason to fail a caller.
 */
export async function readAgainIfCut<Result>(read: () => Promise<Result>): Promise<Result> {
  const begunAt = performance.now();
  for (let tries = 1; ; tries += 1)
    try {
      return await read();
    } catch (error) {
      const isLate = performance.now() - begunAt > WITHIN_MS;
      if (tries === MAX_TRIES || isLate || classifyDatabaseError(error) !== "connection")
        throw error;
      await sleep(Math.random() * PAUSE_MS);
    }
}
