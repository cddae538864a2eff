import { type DestinationStream, type Logger, pino } from "pino";

/** Libraries attach these fields to their errors, and they contain nothing of a request. */
const SAID = ["code", "errno", "syscall", "address", "port", "severity", "table", "constraint"];

/**
 * Makes the log of a process, in JSON lines. Of an error it writes only what cannot hold a prompt,
 * a result or a key.
 */
export function processLog(level: string, destination?: DestinationStream): Logger {
  const options = { level, base: null, serializers: { err: errorFacts } };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/**
 * pino would write every field of an error. An error of Redis has the failed command with its
 * arguments, which are the request of a queue entry; an error of PostgreSQL has the row.
 */
function errorFacts(error: unknown): object | string {
  if (!(error instanceof Error)) return String(error);
  const fields = error as unknown as Record<string, unknown>;
  const said = SAID.filter((name) => ["string", "number"].includes(typeof fields[name]));
  return {
    type: error.constructor.name,
    message: error.message,
    stack: error.stack,
    ...Object.fromEntries(said.map((name) => [name, fields[name]])),
    ...(error instanceof AggregateError ? { errors: error.errors.map(errorFacts) } : {}),
    ...(error.cause === undefined ? {} : { cause: errorFacts(error.cause) }),
  };
}
