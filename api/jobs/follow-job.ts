import { splitEvents } from "../../shared/events/event-log.ts";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import { readJob, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { readResult, type JobResult } from "../../shared/jobs/job-result.ts";
import { readAttempt } from "../../shared/jobs/read-attempt.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { WakeUp } from "./wake-up.ts";

export interface FollowOptions {
  readonly job: string;
  /** The number of the first event to show. With null only the end is shown. */
  readonly from: number | null;
  /** Stops the following before the job's end. */
  readonly signal: AbortSignal;
}

/** When the log is silent for this long, the row is asked whether the job has ended. */
const BETWEEN_EVENTS_MS = 20;

/** A view adds this many events after the last one of a log: an error, and the end. */
const LATER_EVENTS = 2;

export interface FollowedEnd {
  readonly type: "end";
  readonly job: AcceptedJob;
  /** The result is also undefined when only the end is followed. */
  readonly result: JobResult | undefined;
  /** The number that follows the job's last event, whatever `from` was. */
  readonly next: number;
}

type FollowedEvent =
  /** An attempt has begun. */
  | { readonly type: "started"; readonly job: AcceptedJob }
  | { readonly type: "event"; readonly number: number; readonly text: string }
  | FollowedEnd
  | { readonly type: "deleted" };

/**
 * Yields what happens to an accepted job, from its rows and its event log, until its end. Many may read
 * at once, each from its own place. Events come from the log while an attempt runs, and from the stored
 * result after it. The log may be lost, but never the result.
 */
export async function* followJob(
  deps: Pick<CallDeps, "database" | "events" | "timings">,
  { job: id, from, signal }: FollowOptions,
): AsyncGenerator<FollowedEvent, void> {
  const { pool } = deps.database;
  const wakeUp = new WakeUp(signal);
  const stopFollowing = await deps.events.follow(id, () => wakeUp.signal());
  const showsEvents = from !== null;
  let number = from ?? 0;
  /** The fence of the attempt whose start has been yielded. */
  let startedFence = 0;
  /** The fence of the attempt whose events may be shown. */
  let shownFence = 0;
  const readLog = async ({ fence }: AcceptedJob): Promise<readonly string[]> => {
    const page = await deps.events.read(id, fence, number).catch(() => []);
    if (page.length === 0 || shownFence === fence) return page;
    if (!(await readAttempt(pool, id, fence).catch(() => false))) return [];
    shownFence = fence;
    return page;
  };
  /**
   * Counts the log's events. A reader that also has a view's last events asks for more than the log
   * has.
   */
  const countLog = async ({ fence }: AcceptedJob, isInLog: boolean): Promise<number> => {
    if (!isInLog) return 0;
    for (let back = 1; back <= Math.min(number, LATER_EVENTS + 1); back++) {
      const page = await deps.events.read(id, fence, number - back).catch(() => []);
      if (page.length > 0) return number - back + page.length;
    }
    // The log is lost. The reader keeps what it has, and no later event may reuse those numbers.
    return number;
  };
  /** Waits for a database that is away. */
  const ask = async <Answer>(question: () => Promise<Answer>): Promise<Answer | undefined> => {
    for (;;) {
      try {
        return await question();
      } catch (error) {
        if (classifyDatabaseError(error) === "data") throw error;
        await wakeUp.next(deps.timings.lookMs);
        if (signal.aborted) return undefined;
      }
    }
  };
  try {
    let job = await ask(() => readJob(pool, id));
    let isFresh = true;
    while (job !== undefined && !signal.aborted) {
      if (job.fence > startedFence && job.state !== "waiting") {
        startedFence = job.fence;
        yield { type: "started", job };
      }
      if (job.ended_at !== null) {
        const result = showsEvents ? await ask(() => readResult(pool, id)) : undefined;
        if (signal.aborted) return;
        const stored = result?.events ?? null;
        const rest = stored === null ? [] : splitEvents(stored).slice(number);
        if (showsEvents) for (const text of rest) yield { type: "event", number: number++, text };
        // The events of an attempt that nobody settled are only in the log.
        const isInLog = showsEvents && stored === null && job.stream && job.fence > 0;
        let page = isInLog ? await readLog(job) : [];
        while (page.length > 0) {
          for (const text of page) yield { type: "event", number: number++, text };
          page = await readLog(job);
        }
        const next = stored !== null ? splitEvents(stored).length : await countLog(job, isInLog);
        yield { type: "end", job, result, next };
        return;
      }
      const page = showsEvents && job.stream && job.state === "running" ? await readLog(job) : [];
      for (const text of page) yield { type: "event", number: number++, text };
      // While events come the row does not change, but its end may arrive in the same notice as the
      // last event.
      if (page.length > 0) isFresh = !(await wakeUp.next(BETWEEN_EVENTS_MS));
      else {
        if (isFresh) await wakeUp.next(deps.timings.lookMs);
        isFresh = true;
      }
      if (isFresh) job = await ask(() => readJob(pool, id));
    }
    if (job === undefined && !signal.aborted) yield { type: "deleted" };
  } finally {
    stopFollowing();
    wakeUp.close();
  }
}
