import type { Processor, Queue, Worker, WorkerOptions } from "bullmq";
import type { Entry } from "../contracts/entry.ts";

/** How a worker takes entries; the rest of BullMQ's options is the same everywhere. */
export type TakeOptions = Pick<WorkerOptions, "concurrency" | "autorun">;

/** Where BullMQ keeps its entries. Two implementations, one code path above them. */
export interface QueueBackend {
  /** Creates or updates what the backend needs before the first queue opens. */
  prepare(): Promise<void>;
  openQueue(name: string): Queue<Entry>;
  openWorker(name: string, take: Processor<Entry, void>, options: TakeOptions): Worker<Entry, void>;
  /** After all its queues and workers. */
  close(): Promise<void>;
}

/**
 * Entries carry no authority. `attempts: 1`: what follows a failure is decided by the move
 * statement. A finished entry is dropped at once: its job's row has the truth.
 */
export const entryOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/**
 * A lost lock aborts nothing, so locks are long and a stalled entry is simply run again: the claim
 * statement drops it if its job has moved on.
 */
export const workerOptions = {
  lockDuration: 60_000,
  stalledInterval: 30_000,
  maxStalledCount: 1_000,
  drainDelay: 5,
} as const;
