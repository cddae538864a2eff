import { openAcceptedJobs } from "../../../cli/processes/accepted-jobs.ts";
import { openFleetParts } from "../../../cli/processes/parts.ts";
import type { ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import type { QueueBackend } from "../../../shared/queue/queue-backend.ts";
import { startWorker } from "../../../workers/main.ts";
import type { Failpoints } from "./child/failpoints.ts";
import { runChild } from "./child/run-child.ts";
import { workerPoints } from "./points.ts";

// This composes the same parts as `spillway worker`.
void runChild(workerPoints, async (options, failpoints) => {
  const parts = await openFleetParts("worker", options);
  const { id, database, providerStates, path, metrics, log } = parts;
  const queues = watchedQueues(parts.queues, failpoints);
  const { accepted, reply } = openAcceptedJobs({
    pool: database.pool,
    queues,
    order: parts.order,
    owned: path.sender,
    events: parts.events,
    onError: () => undefined,
  });
  const worker = await startWorker({
    id,
    inFleet: true,
    config: options.config,
    database,
    directUrl: options.directUrl,
    backend: watchedBackend(parts.backend, failpoints),
    queues,
    providerStates,
    log,
    reply,
    accepted,
    stops: path.ownStops,
    activity: parts.activity,
    cadences: options.cadences,
    onAttemptClosed: (attempt) => {
      metrics.attemptEnded(attempt);
    },
  });
  return {
    id,
    url: undefined,
    async stop() {
      await worker.stop(0);
      await parts.close();
    },
  };
});

/** After `run entry` only the queue still has to be told. */
function watchedBackend(backend: QueueBackend, failpoints: Failpoints): QueueBackend {
  return {
    ...backend,
    openWorker: (name, take, concurrency) =>
      backend.openWorker(
        name,
        (entry) => failpoints.around("run entry", entry.job, () => take(entry)),
        concurrency,
      ),
  };
}

function watchedQueues(queues: ProviderQueues, failpoints: Failpoints): ProviderQueues {
  return {
    ...queues,
    add: (provider, entry, place) =>
      failpoints.around("add entry", entry.job, () => queues.add(provider, entry, place)),
    has: (provider, job, place) =>
      failpoints.around("find entry", job, () => queues.has(provider, job, place)),
  };
}
