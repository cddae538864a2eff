import { setTimeout as sleep } from "node:timers/promises";
import { classifyDatabaseError } from "./classify-database-error.ts";

const MAX_TRIES = 3;
/** A database that is away for longer is the caller's business. */
const WITHIN_MS = 1_000;
const PAUSE_MS = 20;

/**
 * Runs a statement that only reads, and once or twice more when its session ends under it: one that
 * the server terminates, or that a failover cuts, is no reason to fail a caller.
 */
export async function readAgain<Result>(read: () => Promise<Result>): Promise<Result> {
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
