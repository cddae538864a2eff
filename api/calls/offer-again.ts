import { setTimeout as sleep } from "node:timers/promises";
import type { CallTimings } from "./call-timings.ts";
import type { JobRun } from "./job-run.ts";
import type { QueuePlace } from "./queue-place.ts";

export interface Offer {
  readonly run: Pick<JobRun, "closed" | "isStopping" | "stop">;
  readonly place: QueuePlace;
  readonly provider: string;
}

/**
 * Offers a job's first entry again to a queue that did not take it, and stops the job when the
 * queue stays away. A worker may have the entry even so, if only the queue's answer was lost. The
 * job's statements then say so, and the run goes on.
 */
export async function offerAgain(
  { enterWithinMs, enterPauseMs }: CallTimings,
  { run, place, provider }: Offer,
): Promise<void> {
  const giveUpAt = performance.now() + enterWithinMs;
  const isOver = (): boolean => run.isStopping || run.closed.aborted || place.isStale(0);
  for (;;) {
    await sleep(enterPauseMs, undefined, { signal: run.closed }).catch(() => undefined);
    if (isOver()) return;
    try {
      await place.enter(provider, 0, 0);
      return;
    } catch {
      // A message of a worker may have arrived while the queue was asked.
      if (isOver()) return;
      if (performance.now() >= giveUpAt) {
        run.stop("failed", "queue_unavailable");
        return;
      }
    }
  }
}
