import type { JobRequest } from "./job-request.ts";

interface EntryOfJob {
  readonly v: 1;
  readonly job: string;
  readonly place: number;
}

/** Of a job whose caller waits: its body travels here and is kept nowhere else. */
export interface InteractiveEntry extends EntryOfJob, JobRequest {
  /** The API process that holds the caller's connection. */
  readonly owner: string;
}

/** Of a job that is stored: the claim brings its request. */
interface AcceptedEntry extends EntryOfJob {
  readonly accepted: true;
  /** Its turn in the fair order, given back when it is claimed. */
  readonly priority: number;
}

/**
 * What waits in a provider's queue. A hint without authority: it may be lost, doubled or late,
 * and the claim statement decides.
 */
export type Entry = InteractiveEntry | AcceptedEntry;

/** The queue's id of an entry; BullMQ allows no `:` and no id of digits alone. */
export function entryId(job: string, place: number): string {
  return `${job}-${place}`;
}
