import { splitEvents } from "../../shared/events/split-events.ts";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import { readJob, type AcceptedJob } from "../../shared/jobs/accepted-job.ts";
import { readResult, type JobResult } from "../../shared/jobs/job-result.ts";
import { readAttempt } from "../../shared/jobs/read-attempt.ts";
import type { CallDeps } from "../calls/call-deps.ts";
import { WakeUp } from "./wake-up.ts";

export interface FollowOptions {
  readonly job: string;
  /** Number of the first event to be shown; null: none, only the end. */
  readonly from: number | null;
  /** Ends the following without an end. */
  readonly signal: AbortSignal;
}

/** So long the log is waited for before the row is asked whether the job has ended. */
const BETWEEN_EVENTS_MS = 20;

/** Events that a view adds after the last one of a log: an error, and the end. */
const LATER_EVENTS = 2;

export interface FollowedEnd {
  readonly type: "end";
  readonly job: AcceptedJob;
  /** Undefined also when only the end is followed. */
  readonly result: JobResult | undefined;
  /** The number that follows the job's last event, whatever number was asked for. */
  readonly next: number;
}

type FollowedEvent =
  /** An attempt has begun. */
  | { readonly type: "started"; readonly job: AcceptedJob }
  | { readonly type: "event"; readonly number: number; readonly text: string }
  | FollowedEnd
  | { readonly type: "deleted" };

/**
 * What happens to an accepted job, from its rows and its event log, ending with its end. Many may
 * read at once, each from where it wants. Events come from the log while an attempt runs, and from the
 * stored result after it; the log may be lost, the result not.
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
  /** The attempt whose start has been told, and the one whose events may be shown. */
  let told = 0;
  let shown = 0;
  const readLog = async ({ fence }: AcceptedJob): Promise<readonly string[]> => {
    const page = await deps.events.read(id, fence, number).catch(() => []);
    if (page.length === 0 || shown === fence) return page;
    if (!(await readAttempt(pool, id, fence).catch(() => false))) return [];
    shown = fence;
    return page;
  };
  /** A reader may have got events that come after those of the log, so that it asks beyond its end. */
  const countLog = async ({ fence }: AcceptedJob, isInLog: boolean): Promise<number> => {
    if (!isInLog) return 0;
    for (let back = 1; back <= Math.min(number, LATER_EVENTS + 1); back++) {
      const page = await deps.events.read(id, fence, number - back).catch(() => []);
      if (page.length > 0) return number - back + page.length;
    }
    // The log is gone: what the reader has stands, and no later event may have its numbers.
    return number;
  };
  /** A database that is away is waited for: the job is not. */
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
      if (job.fence > told && job.state !== "waiting") {
        told = job.fence;
        yield { type: "started", job };
      }
      if (job.ended_at !== null) {
        const result = showsEvents ? await ask(() => readResult(pool, id)) : undefined;
        if (signal.aborted) return;
        const stored = result?.events ?? null;
        const rest = stored === null ? [] : splitEvents(stored).slice(number);
        if (showsEvents) for (const text of rest) yield { type: "event", number: number++, text };
        // Of an attempt that nobody settled, the log has what it had said.
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
      // While events come, the row has no news; its end may share their last notice.
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
