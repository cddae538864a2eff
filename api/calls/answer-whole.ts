import type { FastifyReply } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { toHttpHeaders } from "./answer-headers.ts";
import { base64Embeddings } from "../../shared/requests/base64-embeddings.ts";
import type { JobRun } from "./job-run.ts";
import { logEnd } from "./log-end.ts";

/**
 * Answers with a job's whole result: the upstream's bytes as they came, unless the caller wants
 * embeddings as base64. Throws `BrokerError` for a job that is not done.
 */
export async function answerWhole(
  run: JobRun,
  reply: FastifyReply,
  options: { readonly base64: boolean },
): Promise<FastifyReply> {
  for await (const event of run.events()) {
    if (event.type !== "end") continue;
    const { end } = event;
    logEnd(reply.request.logFields, end);
    reply.headers(toHttpHeaders(run.id, end.answerHeaders, end.costNanos));
    if (end.error !== undefined) throw end.error;
    const { body, contentType } = end.result ?? {};
    if (body === undefined) throw new BrokerError("answer_lost", "The answer has no body.");
    return reply
      .type(contentType ?? "application/json")
      .send(options.base64 ? base64Embeddings(body) : body);
  }
  throw new Error(`job ${run.id} has no end`);
}
