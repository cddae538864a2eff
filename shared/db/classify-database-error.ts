import { BrokerError } from "../errors/broker-error.ts";
import { isProgramError } from "../errors/error-kind.ts";
import { UnansweredError } from "./unanswered-error.ts";

/**
 * What a failed statement means for the group that sent it.
 * - `connection`: the answer is unknown; the same group can be sent again, members are idempotent.
 * - `conflict`: rolled back by the server for another's sake; sending it again is safe.
 * - `busy`: a lock or the time ran out; one member may be the cause, and may be tried again alone.
 * - `data`: one member is the cause, and always will be; or this program is, and the database is well.
 */
export type DatabaseFailure = "connection" | "conflict" | "busy" | "data";

/** SQLSTATE classes and codes that say nothing about the members themselves. */
const UNAVAILABLE = /^(08|53|57P|58|XX|25006)/;
const CONFLICT = new Set(["40001", "40P01"]);
const BUSY = new Set(["55P03", "57014"]);
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** Of the errors of `pg` 8.23 that have no code, those of its connections and its pool. */
const OF_PG =
  /^(?:connection (?:terminated|ended|closed)|terminating connection|query read timeout|timeout e(?:xpired|xceeded)|client (?:was closed|has encountered)|client network socket|cannot use a pool after|received unexpected \w+ message|sasl\b|the server does not support ssl|there was an error establishing an ssl)/i;

/**
 * Sorts an error thrown by `pg`. Without an SQLSTATE it comes from the socket, which gives it a code, or
 * from the pool; any other is a mistake of this program, and is never said to be the database's.
 */
export function classifyDatabaseError(error: unknown): DatabaseFailure {
  if (error instanceof UnansweredError) return "busy";
  if (!(error instanceof Error) || isProgramError(error)) return "data";
  // A refusal between two statements: its code is the broker's own.
  if (error instanceof BrokerError) return "data";
  const { code } = error as { code?: unknown };
  if (typeof code !== "string") return OF_PG.test(error.message) ? "connection" : "data";
  if (!SQLSTATE.test(code)) return "connection";
  if (CONFLICT.has(code)) return "conflict";
  if (BUSY.has(code)) return "busy";
  return UNAVAILABLE.test(code) ? "connection" : "data";
}
