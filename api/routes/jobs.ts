import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { checkFields } from "../../shared/requests/check-fields.ts";
import { listJobs } from "../../shared/jobs/accepted-job.ts";
import { callerOf } from "../http/authenticate-caller.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { listObject } from "../http/list-object.ts";
import { pageQuery, queryText } from "../http/page-query.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { disconnection } from "../calls/disconnection.ts";
import { answerAcceptedWhole } from "../jobs/answer-accepted-whole.ts";
import { awaitEnd } from "../jobs/await-end.ts";
import { cancelJob } from "../jobs/cancel-job.ts";
import { deleteOwnJob } from "../jobs/delete-own-job.ts";
import { viewOf } from "../jobs/deliver-accepted.ts";
import { jobObject } from "../jobs/job-object.ts";
import { jobStatus, jobStatuses, statusFilter } from "../jobs/job-status.ts";
import { ownJob } from "../jobs/own-job.ts";
import { streamJobEvents } from "../jobs/stream-job-events.ts";

interface JobRoute {
  Params: { id: string };
}

const MAX_WAIT_S = 120;

const listQuery = z.object({
  ...pageQuery,
  status: z.enum(jobStatuses).optional(),
  model: queryText(256).optional(),
  batch_id: queryText(200).optional(),
});
const readQuery = z.object({ wait: z.coerce.number().min(0).max(MAX_WAIT_S).default(0) });

/** `/v1/jobs` shows, cancels and deletes a key's accepted jobs of all endpoints. */
export function addJobs(app: FastifyInstance, deps: CallDeps): void {
  const { pool } = deps.database;
  const own = (request: FastifyRequest<JobRoute>) =>
    ownJob(pool, callerOf(request).id, request.params.id);

  app.get("/v1/jobs", async (request) => {
    const {
      after = null,
      limit,
      order,
      status,
      model = null,
      batch_id: batch = null,
    } = checkFields(listQuery, request.query);
    const rows = await askDatabase(() =>
      listJobs(pool, callerOf(request).id, {
        ...statusFilter(status),
        model,
        batch,
        after,
        ascending: order === "asc",
        limit: limit + 1,
      }),
    );
    const page = rows.slice(0, limit);
    return listObject(page.map(jobObject), rows.length > limit);
  });

  app.get<JobRoute>("/v1/jobs/:id", async (request, reply) => {
    const { wait } = checkFields(readQuery, request.query);
    const job = await own(request);
    if (wait === 0 || job.ended_at !== null) return jobObject(job);
    const stopWaiting = AbortSignal.any([disconnection(reply), deps.jobs.shutdown]);
    return jobObject(
      (await awaitEnd(deps, job.id, wait * 1_000, stopWaiting)) ?? (await own(request)),
    );
  });

  app.post<JobRoute>("/v1/jobs/:id/cancel", async (request, reply) => {
    const { id } = await own(request);
    return jobObject(await cancelJob(deps, id, disconnection(reply)));
  });

  app.delete<JobRoute>("/v1/jobs/:id", async (request) => {
    const job = await own(request);
    await deleteOwnJob(deps, job);
    return { id: job.id, object: "job", deleted: true };
  });

  app.get<JobRoute>("/v1/jobs/:id/events", async (request, reply) => {
    const job = await own(request);
    const work = streamJobEvents(deps, job, reply);
    request.logFields.work = work;
    return await work;
  });

  app.get<JobRoute>("/v1/jobs/:id/result", async (request, reply) => {
    const job = await own(request);
    if (job.ended_at === null)
      throw new BrokerError("not_ready", `The job is not done yet: it is ${jobStatus(job)}.`);
    const view = job.stream ? await viewOf(deps, job, -1) : undefined;
    const prelude = view === undefined ? "" : view.beginning() + view.opening();
    return await answerAcceptedWhole(pool, reply, job, prelude);
  });
}
