import type { FastifyReply } from "fastify";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { readJob, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { completionId, isStoredCompletion } from "../../shared/jobs/completion-id.ts";
import { responseId } from "../../shared/responses/response-id.ts";
import { eventsWithOwnId } from "../completions/own-id.ts";
import { preferenceApplied, type Preferences } from "../http/prefer.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { chunkView, type StreamView } from "../calls/stream-view.ts";
import { responseOfJob, viewedResponse } from "../responses/response-of-job.ts";
import { responseView } from "../responses/response-view.ts";
import { answerAcceptedStream } from "./answer-accepted-stream.ts";
import { answerAcceptedWhole } from "./answer-accepted-whole.ts";
import { awaitEnd } from "./await-end.ts";
import { jobObject } from "./job-object.ts";

/** The form in which a caller wants an accepted job's answer. */
export interface Delivery {
  readonly job: string;
  readonly preferences: Preferences;
  readonly background: boolean;
  readonly stream: boolean;
  /** Aborted when the caller disconnects. */
  readonly disconnected: AbortSignal;
}

/** After this time a caller may ask for an accepted job again. */
const RETRY_AFTER_S = 2;

/** Answers the request that made or joined an accepted job: as a stream, whole, or with the job. */
export async function deliverAccepted(
  deps: CallDeps,
  reply: FastifyReply,
  delivery: Delivery,
): Promise<unknown> {
  const { job: id, preferences, disconnected } = delivery;
  const { respondAsync, waitMs } = preferences;
  reply.request.logFields.jobId = id;
  reply.headers({ "x-spillway-job-id": id, location: `/v1/jobs/${id}` });
  if (delivery.background && !delivery.stream) {
    const body = await responseOfJob(deps.database.pool, await mustRead(deps, id));
    return reply.type("application/json; charset=utf-8").send(body);
  }
  if (!respondAsync && delivery.stream) return await streamAnswer(deps, reply, delivery);
  const applied = preferenceApplied(preferences);
  if (applied !== undefined) reply.header("preference-applied", applied);
  const { syncWaitMs } = deps.server;
  const patienceMs = Math.min(waitMs ?? (respondAsync ? 0 : syncWaitMs), syncWaitMs);
  const signal = AbortSignal.any([disconnected, deps.jobs.shutdown]);
  const ended =
    patienceMs > 0 && !(respondAsync && delivery.stream)
      ? await awaitEnd(deps, id, patienceMs, signal)
      : undefined;
  if (ended !== undefined) return await answerAcceptedWhole(deps.database.pool, reply, ended);
  const job = await mustRead(deps, id);
  if (respondAsync)
    return reply.code(202).header("retry-after", String(RETRY_AFTER_S)).send(jobObject(job));
  const where = `the job goes on, and its answer will be at ${answerPath(job)}.`;
  if (deps.jobs.shutdown.aborted)
    throw new BrokerError("unavailable", `The broker is shutting down; ${where}`, { jobId: id });
  throw new BrokerError(
    "deadline_exceeded",
    `The answer takes longer than a connection may wait; ${where}`,
    { jobId: id },
  );
}

/** Returns the path of an accepted job's answer. */
function answerPath(job: AcceptedJob): string {
  const { id, endpoint, stored } = job;
  if (isStoredCompletion(job)) return `/v1/chat/completions/${completionId(id)}`;
  return endpoint === "responses" && stored
    ? `/v1/responses/${responseId(id)}`
    : `/v1/jobs/${id}/result`;
}

async function streamAnswer(
  deps: CallDeps,
  reply: FastifyReply,
  { job: id, background, disconnected }: Delivery,
): Promise<unknown> {
  const job = await mustRead(deps, id);
  return await answerAcceptedStream(deps, reply, {
    job: id,
    view: await viewOf(deps, job, -1),
    from: 0,
    isOpen: background,
    format: (text) => eventsWithOwnId(job, text),
    signal: disconnected,
    shutdown: deps.jobs.shutdown,
  });
}

/**
 * Returns the view of an accepted job's stream for a reader that has events up to a sequence
 * number.
 */
export async function viewOf(
  deps: Pick<CallDeps, "database">,
  job: AcceptedJob,
  startingAfter: number,
): Promise<StreamView> {
  if (job.endpoint !== "responses") return chunkView;
  return responseView({ ...(await viewedResponse(deps.database.pool, job)), startingAfter });
}

async function mustRead(deps: Pick<CallDeps, "database">, id: string): Promise<AcceptedJob> {
  const job = await askDatabase(() => readJob(deps.database.pool, id));
  if (job === undefined) throw new BrokerError("not_found", "There is no such job any more.");
  return job;
}
