import type { LocalStopRequests } from "../../shared/replies/stop-requests.ts";
import { timerDelay } from "../../shared/timing/timer-delay.ts";

/** The abort of one attempt, and why it was asked for. */
export interface AttemptAbort {
  readonly job: string;
  readonly signal: AbortSignal;
  /** The first reason given: `disconnect`, `deadline`, `lease_lost`, …; undefined while it runs. */
  reason(): string | undefined;
  abort(reason: string): void;
  /** Aborts with `deadline` after so many milliseconds, at most `MAX_TIMER_MS`. */
  deadlineIn(ms: number): void;
  /** Stops listening; call when the attempt is over. */
  end(): void;
}

/** Everything that may stop a running attempt: stop requests, deadlines, a lost lease, a shutdown. */
export class AttemptAborts {
  readonly #stops: LocalStopRequests;
  readonly #running = new Set<AttemptAbort>();

  constructor(stops: LocalStopRequests) {
    this.#stops = stops;
  }

  /** Begins to listen for a job; before its claim, so that no stop request comes too early. */
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

  /** Jobs that have begun here and not ended. */
  jobs(): string[] {
    return Array.from(this.#running, (attempt) => attempt.job);
  }

  abortAll(reason: string): void {
    for (const attempt of this.#running) attempt.abort(reason);
  }
}
