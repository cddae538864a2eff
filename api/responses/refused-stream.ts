import { randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { BrokerError } from "../../shared/errors/broker-error.ts";
import { errorEvent, failureEvent } from "../../shared/responses/finished-events.ts";
import { formatEvent } from "../../shared/responses/format-event.ts";
import { responseObject } from "../../shared/responses/response-object.ts";

/**
 * What OpenAI's list of a response's error codes has for a request that is itself at fault. Codex CLI
 * 0.171 ends its turn at it and shows the message; at `insufficient_quota` it shows words of its own
 * about an OpenAI plan, and at `server_error` it tries again.
 */
const CODE = "invalid_prompt";

/** Codex CLI handles these itself: a broken image is taken out, a refused credential told as such. */
const plainStatuses = new Set([400, 401]);

/**
 * Whether a refusal is told inside a stream. Codex CLI sends a response request up to six times after
 * any status but 200 and 400, whatever `x-should-retry` says.
 */
export function isToldInStream(
  { headers, routeOptions }: FastifyRequest,
  error: BrokerError,
): boolean {
  if (error.retryable || plainStatuses.has(error.status)) return false;
  if (routeOptions.url !== "/v1/responses") return false;
  const isCodex =
    String(headers["originator"] ?? "").startsWith("codex") ||
    (headers["user-agent"] ?? "").startsWith("codex");
  return isCodex && (headers.accept ?? "").includes("text/event-stream");
}

/** Answers with a response that has failed before it began, as a stream. */
export function sendRefusedStream(reply: FastifyReply, error: BrokerError): FastifyReply {
  const { logFields } = reply.request;
  logFields.errorCode = error.code;
  logFields.status = error.status;
  const about = {
    id: `resp_${randomUUID().replaceAll("-", "")}`,
    createdAt: Math.floor(Date.now() / 1_000),
    model: logFields.model ?? "",
    background: false,
    store: false,
    previousResponseId: null,
  };
  const response = responseObject({}, about, { status: "queued" });
  const failed = responseObject({}, about, {
    status: "failed",
    error: { code: CODE, message: error.message },
  });
  return reply
    .code(200)
    .headers({ "x-should-retry": "false", "cache-control": "no-cache" })
    .type("text/event-stream; charset=utf-8")
    .send(
      formatEvent({ type: "response.created", sequence_number: 0, response }) +
        errorEvent(error.toJSON().error, 1) +
        failureEvent(failed, 2),
    );
}
