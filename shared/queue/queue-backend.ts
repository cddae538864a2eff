import type { JobsOptions } from "bullmq";
import type { Entry } from "../contracts/entry.ts";

/** The part of BullMQ's Queue that the broker uses, whatever the backend. */
export interface EntryQueue {
  add(name: string, entry: Entry, options: JobsOptions): Promise<unknown>;
  getJob(id: string): Promise<unknown>;
  remove(id: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The part of BullMQ's Worker that the broker uses. */
export interface EntryWorker {
  /** Entries taken at once; can be changed while it runs. */
  concurrency: number;
  pause(doNotWaitActive?: boolean): Promise<void>;
  resume(): void | Promise<void>;
  isPaused(): boolean;
  /** What it took must have ended. */
  close(): Promise<void>;
}

/** What became of an entry: run to its end, or it goes back to wait, at once or after a while. */
export type Taken = "taken" | "not_now" | { readonly afterMs: number };

/** Runs one taken entry to its end, or says that it cannot now. */
export type TakeEntry = (entry: Entry) => Promise<Taken>;

/** Where BullMQ keeps its entries. Two implementations, one code path above them. */
export interface QueueBackend {
  /** Creates or updates what the backend needs before the first queue opens. */
  prepare(): Promise<void>;
  /** Another one means that entries may have been lost. */
  epoch(): Promise<string>;
  openQueue(name: string): EntryQueue;
  /** The worker begins to take entries at once. */
  openWorker(name: string, take: TakeEntry, concurrency: number): EntryWorker;
  /** After all its queues and workers. */
  close(): Promise<void>;
}

/**
 * Entries carry no authority. `attempts: 1`: what follows a failure is decided by the move
 * statement. A finished entry is dropped at once: its job's row has the truth.
 */
export const entryOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/**
 * A lost lock aborts nothing, and a stalled entry is simply taken again: the claim statement drops it
 * if its job has moved on. Locks are short because an entry whose taking was answered to a connection
 * that had died waits for its lock to run out.
 */
export const workerOptions = {
  lockDuration: 6_000,
  stalledInterval: 3_000,
  maxStalledCount: 1_000,
  drainDelay: 5,
  // After a lost connection; BullMQ's own 15 s would keep callers waiting.
  runRetryDelay: 500,
} as const;
