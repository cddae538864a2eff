import type { FastifyReply } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { ErrorCode } from "../../shared/errors/catalogue.ts";

const MAX_RETRY_AFTER_MS = 60_000;

/** Fastify's own refusals, by their status. */
const codeByStatus: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  400: ["invalid_request", "The request could not be read."],
  404: ["not_found", "There is nothing at this path."],
  405: ["method_not_allowed", "This path does not take this method."],
  413: ["payload_too_large", "The body is larger than this server takes."],
  415: ["unsupported_media_type", "The content type must be application/json."],
};

/** Makes the error that a caller may see. An unforeseen one is an `internal_error` without details. */
export function toBrokerError(error: unknown): BrokerError {
  if (error instanceof BrokerError) return error;
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  const known =
    typeof status === "number" && status >= 400 && status < 500
      ? (codeByStatus[status] ?? codeByStatus[400])
      : undefined;
  const [code, message] = known ?? ["internal_error", "The server had an error."];
  return new BrokerError(code, message, { cause: error });
}

/** Writes the headers that tell a client whether and when to try again. */
function retryHeaders(error: BrokerError): Record<string, string> {
  if (!error.retryable) return { "x-should-retry": "false" };
  if (error.retryAfterMs === undefined) return {};
  const ms = Math.min(Math.max(0, Math.ceil(error.retryAfterMs)), MAX_RETRY_AFTER_MS);
  return { "retry-after": String(Math.ceil(ms / 1_000)), "retry-after-ms": String(ms) };
}

/** Writes an error and its causes in one line. A refused connection has only a code. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: unknown };
  const words = [error.message, typeof code === "string" ? `(${code})` : ""];
  const own = words.filter((word) => word !== "").join(" ");
  return error.cause === undefined ? own : `${own}: ${wordsOf(error.cause)}`;
}

/** Answers a request with an error. */
export function sendError(reply: FastifyReply, error: BrokerError): FastifyReply {
  const { logFields } = reply.request;
  logFields.errorCode = error.code;
  // An unforeseen error has its own log line, with its stack.
  if (error.status >= 500 && error.code !== "internal_error" && error.cause !== undefined)
    logFields.cause = wordsOf(error.cause);
  return reply
    .code(error.status)
    .headers(retryHeaders(error))
    .type("application/json; charset=utf-8")
    .send(JSON.stringify(error));
}
