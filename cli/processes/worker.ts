import { startOperations } from "../../workers/health-server.ts";
import { startWorker, type RunningWorker } from "../../workers/main.ts";
import type { WorkerDeps } from "../../workers/worker-deps.ts";
import { openFleetParts, type Parts } from "./parts.ts";
import type { ProcessOptions } from "./process-options.ts";

export interface WorkerProcessOptions extends ProcessOptions {
  /** The address for health and metrics. They are not served if it is undefined. */
  readonly listen: { readonly host: string; readonly port: number } | undefined;
}

export interface WorkerProcess extends RunningWorker {
  /** The address of health and metrics, if they are served. */
  readonly url: string | undefined;
}

/** Starts one worker process of a fleet. Rejects when Redis cannot be used. */
export async function startWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const parts = await openFleetParts("worker", options);
  const { log, metrics } = parts;
  const resources = new AsyncDisposableStack();
  resources.defer(() => parts.close());
  let graceMs = 0;
  try {
    const worker = await startWorkerPart(parts, { ...options, ...parts, inFleet: true });
    resources.defer(() => worker.stop(graceMs));
    const { listen } = options;
    const operations = listen && (await startOperations({ ...listen, log, metrics, worker }));
    if (operations !== undefined) resources.defer(() => operations.close());
    let closing: Promise<void> | undefined;
    return {
      url: operations?.url,
      isReady: () => worker.isReady(),
      async stop(grace) {
        graceMs = grace;
        if (closing === undefined) closing = resources.disposeAsync();
        else void worker.stop(grace);
        await closing;
      },
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

/** Starts the worker of a process on its parts. */
export function startWorkerPart(
  parts: Parts,
  options: Pick<WorkerDeps, "id" | "inFleet" | "config" | "directUrl" | "log" | "cadences">,
): Promise<RunningWorker> {
  const { path, metrics } = parts;
  return startWorker({
    ...parts,
    ...options,
    stops: path.ownStops,
    onAttemptClosed: (attempt) => {
      metrics.attemptEnded(attempt);
    },
  });
}
