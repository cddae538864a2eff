import type { LocalStopRequests } from "../../shared/replies/stop-requests.ts";
import { timerDelay } from "../../shared/timing/timer-delay.ts";

/** Stops one attempt and keeps the reason. */
export interface AttemptAbort {
  readonly job: string;
  readonly signal: AbortSignal;
  /**
   * Returns the first reason given (`disconnect`, `deadline`, `lease_lost`, …), or undefined while
   * nothing has stopped the attempt.
   */
  reason(): string | undefined;
  abort(reason: string): void;
  /** Aborts with `deadline` after `ms` milliseconds, at most `MAX_TIMER_MS`. */
  deadlineIn(ms: number): void;
  /** Stops listening. It must be called when the attempt is over. */
  end(): void;
}

/** Stops running attempts: on stop requests, at deadlines, after a lost lease and in a shutdown. */
export class AttemptAborts {
  readonly #stops: LocalStopRequests;
  readonly #running = new Set<AttemptAbort>();

  constructor(stops: LocalStopRequests) {
    this.#stops = stops;
  }

  /**
   * Begins to listen for stop requests of a job. It is called before the job's claim, so that no
   * request comes too early.
   */
  begin(job: string): AttemptAbort {
    const controller = new AbortController();
    let reason: string | undefined;
    let timer: NodeJS.Timeout | undefined;
    const abort = (why: string): void => {
      if (reason !== undefined) return;
      reason = why;
      controller.abort(new Error(why));
    };
    const stopListening = this.#stops.listen(job, abort);
    const attempt: AttemptAbort = {
      job,
      signal: controller.signal,
      reason: () => reason,
      abort,
      deadlineIn(ms) {
        timer = setTimeout(() => abort("deadline"), timerDelay(ms));
      },
      end: () => {
        clearTimeout(timer);
        stopListening();
        this.#running.delete(attempt);
      },
    };
    this.#running.add(attempt);
    return attempt;
  }

  /** Returns the jobs that have begun here and not ended. */
  jobs(): string[] {
    return Array.from(this.#running, (attempt) => attempt.job);
  }

  abortAll(reason: string): void {
    for (const attempt of this.#running) attempt.abort(reason);
  }
}
