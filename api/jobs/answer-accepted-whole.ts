import type { FastifyReply } from "fastify";
import type { Pool } from "pg";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import type { AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { readResult } from "../../shared/jobs/job-result.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { escapeLineEnds } from "../../shared/json/escape-line-ends.ts";
import { bodyWithOwnId, eventsWithOwnId } from "../completions/own-id.ts";
import { lastAttempt, toHttpHeaders } from "../calls/answer-headers.ts";
import { base64Embeddings } from "../../shared/requests/base64-embeddings.ts";
import { jobError } from "../../shared/jobs/job-error.ts";
import { logJob } from "./log-job.ts";

/**
 * Answers for an ended job as the synchronous call would have: with the upstream's bytes as they
 * came, or with a stream's events. Throws `BrokerError` for a job that is not done. `prelude` has
 * the events that come before the stored ones.
 */
export async function answerAcceptedWhole(
  pool: Pick<Pool, "query">,
  reply: FastifyReply,
  job: AcceptedJob,
  prelude = "",
): Promise<FastifyReply> {
  logJob(reply.request.logFields, job);
  reply.headers(toHttpHeaders(job.id, lastAttempt(job), job.cost_nanos));
  const error = jobError(job);
  if (error !== undefined) throw error;
  const result = await askDatabase(() => readResult(pool, job.id));
  const { base64, answersWhole } = JSON.parse(job.facts) as Partial<StoredRequest>;
  if (job.stream && answersWhole !== true && result?.events != null)
    return reply
      .type("text/event-stream; charset=utf-8")
      .send(escapeLineEnds(prelude + eventsWithOwnId(job, result.events)));
  const body = result?.body;
  if (body == null) throw new BrokerError("answer_lost", "The answer has no body.");
  return reply
    .type(result?.contentType ?? "application/json")
    .send(base64 === true ? base64Embeddings(body) : bodyWithOwnId(job, body));
}
