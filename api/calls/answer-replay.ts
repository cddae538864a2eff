import { askDatabase } from "../../shared/db/ask-database.ts";
import { readJob } from "../../shared/jobs/accepted-job.ts";
import type { StoredRequest } from "../../shared/contracts/job-request.ts";
import { deliverAccepted } from "../jobs/deliver-accepted.ts";
import type { CallDeps } from "./call-deps.ts";
import type { InferenceCall } from "./inference-call.ts";

/**
 * Answers a call with the job that its idempotency key has made before, whatever else has changed
 * since: providers, budget, or the responses that its body refers to.
 */
export async function answerReplay(
  deps: CallDeps,
  { preferences, disconnected, reply }: InferenceCall,
  id: string,
): Promise<unknown> {
  const job = await askDatabase(() => readJob(deps.database.pool, id));
  const { response, answersWhole } = JSON.parse(job?.facts ?? "{}") as Partial<StoredRequest>;
  if (job !== undefined) reply.request.logFields.model = job.model;
  reply.header("idempotent-replayed", "true");
  return await deliverAccepted(deps, reply, {
    job: id,
    preferences,
    background: response?.background === true,
    stream: job?.stream === true && answersWhole !== true,
    disconnected,
  });
}
