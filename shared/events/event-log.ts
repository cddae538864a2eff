/**
 * The events of accepted jobs while their attempts run, for any number of readers in any process. A
 * log may be lost when Redis is wiped. Then it ends early, without gaps, and readers wait for the
 * job's end: the stored result has all events.
 */
export interface EventLog {
  /** The log of one attempt. Its events are numbered from 0. */
  attempt(job: string, fence: number): AttemptLog;
  /**
   * Reads a page of an attempt's events from that number on. The list is empty when there are none
   * (yet).
   */
  read(job: string, fence: number, from: number): Promise<readonly string[]>;
  /**
   * Wakes the job's followers, since there are events, a new attempt or its end. The wake-up may be
   * lost.
   */
  announce(job: string): void;
  /**
   * Calls `onChange` at each wake-up until the returned function is called. Resolves when the
   * follower listens.
   */
  follow(job: string, onChange: () => void): Promise<() => void>;
  /**
   * Deletes the logs of the job's attempts up to `lastFence`. Later events of that attempt are not
   * kept either. This is best effort: a log that is not deleted expires.
   */
  forget(job: string, lastFence: number): Promise<void>;
  close(): Promise<void>;
}

/** The log of one attempt, in the worker that runs it. */
export interface AttemptLog {
  /**
   * Adds whole server-sent events, each with its blank line, and announces them. It does not wait.
   * After an event that cannot be kept, everything is dropped, so that there are no gaps.
   */
  append(events: readonly string[]): void;
  /** Resolves when every added event is kept or dropped. */
  flush(): Promise<void>;
}

/** Splits a text of whole server-sent events into events, each with its blank line. */
export function splitEvents(text: string): string[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((event) => `${event}\n\n`);
}
