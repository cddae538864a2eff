import { within } from "../timing/within.ts";
import type { EntryWorker } from "./queue-backend.ts";

/** The members of a BullMQ worker that every backend has. */
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
 * Wraps a BullMQ worker. An orderly close takes no new entry. A forced close may lose, for a while,
 * entries that are just being given to the worker. So it is only for a server that cannot be
 * reached, where BullMQ would wait for ever.
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
