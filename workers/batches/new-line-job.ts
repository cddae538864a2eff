import type { FedBatch } from "../../shared/batches/claim-batches.ts";
import type { PendingLine } from "../../shared/batches/pending-lines.ts";
import { endpoints } from "../../shared/contracts/endpoint.ts";
import { serviceClasses } from "../../shared/contracts/job-request.ts";
import type { CompiledRoute } from "../../shared/routing/compiled-route.ts";
import { newJob, type NewJob, type NewJobDeps } from "../../shared/jobs/new-job.ts";
import { readParsed, type ReadDeps } from "../../shared/requests/read-inference.ts";
import type { CallerKey } from "../../shared/keys/caller-key.ts";
import { lineRefusal } from "./line-refusal.ts";
import { readLine } from "./read-line.ts";

/** Makes the job that runs a line. Throws `BrokerError` for a request that cannot be run. */
export async function newLineJob(
  deps: ReadDeps & NewJobDeps,
  batch: FedBatch,
  key: CallerKey,
  line: PendingLine,
): Promise<NewJob> {
  const { endpoint } = batch;
  const { body } = readLine(line.bytes, `/v1${endpoints[endpoint]}`);
  const request = await readParsed(deps, endpoint, key, body);
  const refusal = lineRefusal(request);
  if (refusal !== undefined) throw refusal;
  return newJob(deps, {
    id: line.job_id,
    key,
    endpoint,
    request: { ...request, route: batch.overflow ? request.route : serveOnly(request.route) },
    residency: key.residency === "local" ? "local" : batch.residency,
    serviceClass: batch.urgent ? serviceClasses.flex : serviceClasses.batch,
    deadlineMs: batch.remaining_ms,
    callerWaits: false,
  });
}

function serveOnly(route: CompiledRoute): CompiledRoute {
  return { ...route, targets: route.targets.filter(({ role }) => role === "serve") };
}
