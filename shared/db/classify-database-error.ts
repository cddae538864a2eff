/**
 * What a failed statement means for the group that sent it.
 * - `connection`: the answer is unknown; the same group can be sent again, members are idempotent.
 * - `conflict`: rolled back by the server for another's sake; sending it again is safe.
 * - `busy`: a lock or the time ran out; one member may be the cause, and may be tried again alone.
 * - `data`: one member is the cause, and always will be.
 */
export type DatabaseFailure = "connection" | "conflict" | "busy" | "data";

/** SQLSTATE classes and codes that say nothing about the members themselves. */
const UNAVAILABLE = /^(08|53|57P|58|XX|25006)/;
const CONFLICT = new Set(["40001", "40P01"]);
const BUSY = new Set(["55P03", "57014"]);
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Sorts an error thrown by `pg`. Errors without an SQLSTATE come from the socket or the pool. */
export function classifyDatabaseError(error: unknown): DatabaseFailure {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code !== "string" || !SQLSTATE.test(code)) return "connection";
  if (CONFLICT.has(code)) return "conflict";
  if (BUSY.has(code)) return "busy";
  return UNAVAILABLE.test(code) ? "connection" : "data";
}
