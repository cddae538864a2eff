import type { FastifyReply, FastifyRequest } from "fastify";
import { readJob } from "../../shared/jobs/accepted-job.ts";
import { findKeyedJob, type IdempotencyKey } from "../../shared/idempotency/find-keyed-job.ts";
import type { StoredRequest } from "../../shared/jobs/stored-request.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { deliverAccepted, type DeliverDeps, type Delivery } from "./deliver-accepted.ts";

/**
 * Answers a request whose idempotency key has made its job before, whatever else has changed since:
 * providers, budget, or the responses that it refers to. Undefined: there is no such job, so that the
 * request is a new one.
 */
export async function replayAccepted(
  deps: DeliverDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: Pick<Delivery, "preferences" | "gone"> & {
    readonly caller: string;
    readonly idempotency: IdempotencyKey;
  },
): Promise<{ readonly answer: unknown } | undefined> {
  const { pool } = deps.database;
  const id = await askDatabase(() => findKeyedJob(pool, asked.caller, asked.idempotency));
  if (id === undefined) return undefined;
  const job = await askDatabase(() => readJob(pool, id));
  const { response, answersWhole } = JSON.parse(job?.facts ?? "{}") as Partial<StoredRequest>;
  if (job !== undefined) request.logFields.model = job.model;
  reply.header("idempotent-replayed", "true");
  const { preferences, gone } = asked;
  const way = {
    stream: job?.stream === true && answersWhole !== true,
    background: response?.background === true,
  };
  return {
    answer: await deliverAccepted(deps, request, reply, { job: id, preferences, gone, ...way }),
  };
}
