import type { FastifyBaseLogger } from "fastify";
import type { AcceptedQueue } from "./accepted-queue.ts";
import type { NewJob } from "./new-job.ts";

export interface EnqueueDeps {
  readonly accepted: AcceptedQueue;
  readonly log: FastifyBaseLogger;
}

/** Puts a job that has just been accepted into its first queue. What that does not take now, a sweeper finds missing. */
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
