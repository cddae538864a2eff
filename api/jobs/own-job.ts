import type { Pool } from "pg";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { readJob, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { isStoredCompletion, jobOfCompletion } from "../../shared/jobs/completion-id.ts";
import { askDatabase } from "../../shared/db/ask-database.ts";
import { jobOfResponse } from "../../shared/responses/response-id.ts";

const JOB = /^job_[0-9a-f]{32}$/;

/** Finds a key's own accepted job. Throws the same `not_found` for a job of another key. */
export async function ownJob(
  pool: Pick<Pool, "query">,
  key: string,
  id: string,
): Promise<AcceptedJob> {
  const job = JOB.test(id) ? await askDatabase(() => readJob(pool, id)) : undefined;
  if (job?.key_id !== key)
    throw new BrokerError("not_found", `No job found with id '${id.slice(0, 64)}'.`, {
      param: "id",
    });
  return job;
}

/** Finds the job of a key's own stored chat completion. Throws `not_found` as `ownJob` does. */
export async function ownCompletion(
  pool: Pick<Pool, "query">,
  key: string,
  id: string,
): Promise<AcceptedJob> {
  const jobId = jobOfCompletion(id);
  const job = jobId === undefined ? undefined : await askDatabase(() => readJob(pool, jobId));
  if (job?.key_id !== key || !isStoredCompletion(job))
    throw new BrokerError(
      "not_found",
      `Chat completion '${id.slice(0, 64)}' not found. Only those made with 'store': true are kept.`,
      { param: "id" },
    );
  return job;
}

/** Finds the job of a key's own stored response. Throws `not_found` as `ownJob` does. */
export async function ownResponse(
  pool: Pick<Pool, "query">,
  key: string,
  id: string,
): Promise<AcceptedJob> {
  const jobId = jobOfResponse(id);
  const job = jobId === undefined ? undefined : await askDatabase(() => readJob(pool, jobId));
  if (job?.key_id !== key || job.endpoint !== "responses" || !job.stored)
    throw new BrokerError("not_found", `Response with id '${id.slice(0, 64)}' not found.`, {
      param: "id",
    });
  return job;
}
