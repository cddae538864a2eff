import { randomUUID } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { BrokerError } from "../../shared/errors/broker-error.ts";
import { errorEvent, failureEvent } from "../../shared/responses/finished-events.ts";
import { formatEvent } from "../../shared/responses/format-event.ts";
import { responseObject } from "../../shared/responses/response-object.ts";

/**
 * OpenAI's error code for a response whose request is at fault. At this code Codex CLI 0.171 ends
 * its turn and shows the message. At `insufficient_quota` it shows its own words about an OpenAI
 * plan, and at `server_error` it tries again.
 */
const CODE = "invalid_prompt";

/** Codex CLI handles these well: it takes out a broken image, and names a refused credential. */
const plainStatuses = new Set([400, 401]);

/**
 * Tells whether a refusal goes into a stream. Codex CLI sends a response request up to six times
 * after any status but 200 and 400, whatever `x-should-retry` says.
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

/** Answers with the stream of a response that failed before it began. */
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
