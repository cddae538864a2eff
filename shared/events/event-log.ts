/**
 * The events of accepted jobs while their attempts run, for any number of readers in any process.
 * A log may be lost (Redis wiped): then it ends early, without gaps, and readers wait for the
 * job's end, whose stored result has all events.
 */
export interface EventLog {
  /** The log of one attempt. Its events are numbered from 0. */
  attempt(job: string, fence: number): AttemptLog;
  /** Events of an attempt from that number on, a page at most; none when there are none (yet). */
  read(job: string, fence: number, from: number): Promise<readonly string[]>;
  /** Tells followers that there is news of the job: events, a new attempt, its end. May be lost. */
  announce(job: string): void;
  /** Calls back on news until the returned function is called. Resolves when it listens. */
  follow(job: string, onChange: () => void): Promise<() => void>;
  /**
   * Drops what the job's attempts up to that one have said; what the last one goes on to say is not
   * kept either. Best effort: a log that is not dropped goes by itself.
   */
  forget(job: string, lastFence: number): Promise<void>;
  close(): Promise<void>;
}

/** Of one attempt, in the worker that runs it. */
export interface AttemptLog {
  /**
   * Adds whole server-sent events, each with its blank line, and announces them. Does not wait;
   * what cannot be kept is dropped with everything after it, so that there are no gaps.
   */
  append(events: readonly string[]): void;
  /** Resolves when what was added is kept or dropped. */
  flush(): Promise<void>;
}

/** Whole server-sent events, each with its blank line, from a text of whole events. */
export function splitEvents(text: string): string[] {
  return text
    .split("\n\n")
    .slice(0, -1)
    .map((event) => `${event}\n\n`);
}
