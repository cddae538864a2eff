import type { JobRequest } from "./job-request.ts";

interface EntryOfJob {
  readonly v: 1;
  readonly job: string;
  readonly place: number;
}

/** The entry of an interactive job. It carries the job's body, which is kept nowhere else. */
export interface InteractiveEntry extends EntryOfJob, JobRequest {
  /** The API process that holds the caller's connection. */
  readonly owner: string;
}

/** The entry of a stored job. The claim brings the request. */
interface AcceptedEntry extends EntryOfJob {
  readonly accepted: true;
  /** The entry's rank in the fair order, which is given back when the job is claimed. */
  readonly priority: number;
}

/**
 * An entry in a provider's queue. It is a hint without authority: it may be lost, doubled or late,
 * and the claim statement decides.
 */
export type Entry = InteractiveEntry | AcceptedEntry;

/** Returns the queue's id of an entry. BullMQ allows no `:` in an id, and no id of digits alone. */
export function entryId(job: string, place: number): string {
  return `${job}-${place}`;
}
