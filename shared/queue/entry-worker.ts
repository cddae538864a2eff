import { within } from "../timing/within.ts";
import type { EntryWorker } from "./queue-backend.ts";

/** What a BullMQ worker has, whatever its backend. */
interface BullWorker {
  concurrency: number;
  pause(doNotWaitActive?: boolean): Promise<void>;
  resume(): void | Promise<void>;
  isPaused(): boolean;
  close(force?: boolean): Promise<void>;
  disconnect(): Promise<void>;
}

const CLOSE_MS = 2_000;

/**
 * A BullMQ worker as the broker uses it. Closed in order, it takes nothing any more; by force, what
 * its wait for entries is just being given may be lost for a while, so that is for a server which
 * cannot be reached: there BullMQ would wait for ever.
 */
export function entryWorker(worker: BullWorker, isReachable: () => boolean): EntryWorker {
  return {
    get concurrency() {
      return worker.concurrency;
    },
    set concurrency(concurrency) {
      worker.concurrency = concurrency;
    },
    pause: (doNotWaitActive) => worker.pause(doNotWaitActive),
    resume: () => worker.resume(),
    isPaused: () => worker.isPaused(),
    async close() {
      const closed = worker.close(!isReachable());
      if (await within(CLOSE_MS, closed)) return;
      closed.catch(() => undefined);
      worker.disconnect().catch(() => undefined);
    },
  };
}
