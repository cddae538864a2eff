import type { EntryWorker } from "./queue-backend.ts";

/** What a BullMQ worker has, whatever its backend. */
interface BullWorker {
  concurrency: number;
  pause(doNotWaitActive?: boolean): Promise<void>;
  resume(): void | Promise<void>;
  isPaused(): boolean;
  close(force?: boolean): Promise<void>;
}

/**
 * A BullMQ worker as the broker uses it. `byForce`: it closes without waiting for the server, which
 * on PostgreSQL would leave its wait for entries, and the process, alive for seconds.
 */
export function entryWorker(worker: BullWorker, byForce: boolean): EntryWorker {
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
    close: () => worker.close(byForce),
  };
}
