import { BrokerError } from "../errors/broker-error.ts";
import { isProgramError } from "../errors/error-kind.ts";
import { UnansweredError } from "./unanswered-error.ts";

/**
 * A failed statement means one of four things for the group that sent it.
 * - `connection`: the answer is unknown. Members are idempotent, so the same group can be sent
 *   again.
 * - `conflict`: the server rolled the group back because of another session. It can be sent again.
 * - `busy`: a wait for a lock or for the answer took too long. One member may be the cause, so the
 *   members may be tried again alone.
 * - `data`: one member is the cause and always will be, or this program is at fault and the
 *   database is well.
 */
export type DatabaseFailure = "connection" | "conflict" | "busy" | "data";

/** These SQLSTATE classes and codes say nothing about the members themselves. */
const UNAVAILABLE = /^(08|53|57P|58|XX|25006)/;
const CONFLICT = new Set(["40001", "40P01"]);
const BUSY = new Set(["55P03", "57014"]);
const SQLSTATE = /^[0-9A-Z]{5}$/;
/**
 * Errors of `pg` 8.23 that have no code and come from its connections or its pool have these texts.
 */
const OF_PG =
  /^(?:connection (?:terminated|ended|closed)|terminating connection|query read timeout|timeout e(?:xpired|xceeded)|client (?:was closed|has encountered)|client network socket|cannot use a pool after|received unexpected \w+ message|sasl\b|the server does not support ssl|there was an error establishing an ssl)/i;

/**
 * Sorts an error thrown by `pg`. An error without an SQLSTATE comes from the socket, which gives it
 * a code, or from the pool. Any other error is a mistake of this program and never counts as the
 * database's.
 */
export function classifyDatabaseError(error: unknown): DatabaseFailure {
  if (error instanceof UnansweredError) return "busy";
  if (!(error instanceof Error) || isProgramError(error)) return "data";
  // The broker itself refused between two statements, so the code is the broker's own.
  if (error instanceof BrokerError) return "data";
  const { code } = error as { code?: unknown };
  if (typeof code !== "string") return OF_PG.test(error.message) ? "connection" : "data";
  if (!SQLSTATE.test(code)) return "connection";
  if (CONFLICT.has(code)) return "conflict";
  if (BUSY.has(code)) return "busy";
  return UNAVAILABLE.test(code) ? "connection" : "data";
}
