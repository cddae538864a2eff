import type { NewJob } from "../../shared/jobs/new-job.ts";
import { responseView } from "../responses/response-view.ts";
import { admitJob } from "./admit-job.ts";
import { answerStream } from "./answer-stream.ts";
import { answerWhole } from "./answer-whole.ts";
import type { CallDeps } from "./call-deps.ts";
import type { ReadCall } from "./inference-call.ts";
import { jobOfCall } from "./job-of-call.ts";
import { chunkView, type StreamView } from "./stream-view.ts";

/** Answers a call with a job that is not stored. */
export async function answerInteractive(deps: CallDeps, call: ReadCall): Promise<unknown> {
  const job = jobOfCall(deps, call, true);
  const { inference, disconnected, reply } = call;
  const { waitMs } = call.preferences;
  const { syncWaitMs } = deps.server;
  // No limit applies to the wait for a stream.
  if (waitMs !== undefined && !inference.stream)
    reply.header("preference-applied", `wait=${waitMs / 1_000}`);
  const run = await admitJob(deps, {
    ...job,
    syncWaitMs: inference.stream ? undefined : Math.min(waitMs ?? syncWaitMs, syncWaitMs),
    disconnected,
  });
  reply.request.logFields.jobId = run.id;
  reply.header("x-spillway-job-id", run.id);
  if (!inference.stream) return await answerWhole(run, reply, inference);
  const { heartbeatMs } = deps.timings;
  return await answerStream(run, reply, { heartbeatMs, view: viewOf(job) });
}

function viewOf({ request, jobRequest }: NewJob): StreamView {
  const { response: context, maxOutputTokens } = jobRequest;
  if (context === undefined) return chunkView;
  const fields = request.response?.fields ?? {};
  return responseView({ fields, context, maxOutputTokens, startingAfter: -1 });
}
