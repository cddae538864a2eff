import type { FastifyBaseLogger } from "fastify";
import type { AcceptedQueue } from "./accepted-queue.ts";
import type { NewJob } from "./new-job.ts";

export interface EnqueueDeps {
  readonly accepted: AcceptedQueue;
  readonly log: FastifyBaseLogger;
}

/**
 * Puts a job that was just accepted into its first queue. If the queue does not take it now, a
 * sweeper adds it later.
 */
export async function enqueueAccepted(
  deps: EnqueueDeps,
  { id, key, plan, first, serviceClass }: NewJob,
): Promise<void> {
  const provider = plan[first.target]?.provider ?? "";
  try {
    const order = { serviceClass, tenant: key.id, delayMs: 0 };
    await deps.accepted.add({ job: id, place: 0, provider, ...order });
  } catch (error) {
    deps.log.warn({ err: error, job: id, provider }, "the queue did not take an accepted job yet");
  }
}
