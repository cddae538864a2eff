import type { JobsOptions } from "bullmq";
import type { Entry } from "../contracts/entry.ts";

/** The part of BullMQ's Queue that the broker uses, for every backend. */
export interface EntryQueue {
  add(name: string, entry: Entry, options: JobsOptions): Promise<unknown>;
  getJob(id: string): Promise<unknown>;
  remove(id: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The part of BullMQ's Worker that the broker uses. */
export interface EntryWorker {
  /** The worker takes so many entries at once. The number can change while it runs. */
  concurrency: number;
  pause(doNotWaitActive?: boolean): Promise<void>;
  resume(): void | Promise<void>;
  isPaused(): boolean;
  /** Closes the worker. The entries that it took must have ended. */
  close(): Promise<void>;
}

/**
 * The result of taking an entry: it was run to its end, or it waits again, at once or after a
 * while.
 */
export type Taken = "taken" | "not_now" | { readonly afterMs: number };

/** Runs one taken entry to its end, or reports that it cannot run now. */
export type TakeEntry = (entry: Entry) => Promise<Taken>;

/** The place where BullMQ keeps its entries. It has two implementations below the same code. */
export interface QueueBackend {
  /** Creates or updates what the backend needs before the first queue opens. */
  prepare(): Promise<void>;
  /** Returns a value that changes when entries may have been lost. */
  epoch(): Promise<string>;
  openQueue(name: string): EntryQueue;
  /** The worker begins to take entries at once. */
  openWorker(name: string, take: TakeEntry, concurrency: number): EntryWorker;
  /** Closes the backend, after all its queues and workers. */
  close(): Promise<void>;
}

/**
 * Entries have no authority. `attempts: 1`: the move statement decides what follows a failure. A
 * finished entry is dropped at once, since its job's row has the truth.
 */
export const entryOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/**
 * A lost lock aborts nothing, and a stalled entry is simply taken again: the claim statement drops
 * it if its job has moved on. Locks are short, because an entry that was sent to a dead connection
 * waits until its lock expires.
 */
export const workerOptions = {
  lockDuration: 6_000,
  stalledInterval: 3_000,
  maxStalledCount: 1_000,
  drainDelay: 5,
  // The pause after a lost connection. BullMQ's own 15 s would keep callers waiting.
  runRetryDelay: 500,
} as const;
