import { classifyDatabaseError } from "./classify-database-error.ts";
import { BrokerError } from "../errors/broker-error.ts";

/**
 * Runs a statement for a route. A database that cannot be reached or is too busy becomes the
 * `BrokerError` `unavailable`, which may be tried again. Other errors pass through.
 */
export async function askDatabase<Result>(statement: () => Promise<Result>): Promise<Result> {
  try {
    return await statement();
  } catch (error) {
    if (classifyDatabaseError(error) === "data") throw error;
    throw new BrokerError("unavailable", "The database cannot be asked at the moment.", {
      retryAfterMs: 1_000,
      cause: error,
    });
  }
}
