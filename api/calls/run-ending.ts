import type { AnswerHeaders } from "../../shared/contracts/reply.ts";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import type { EndedJob } from "../../shared/jobs/find-ended.ts";
import type { ReplyInbox } from "../../shared/replies/reply-path.ts";
import type { CallDeps } from "./call-deps.ts";
import type { QueuePlace } from "./queue-place.ts";
import { endLater, requestEnd, type EndingJob, type StopRequest } from "./request-end.ts";
import { endByRequest, endByRow, endByState, type RunEnd, type RunProgress } from "./run-end.ts";

export interface RunEndingOptions {
  readonly job: EndingJob;
  readonly inbox: ReplyInbox;
  readonly place: QueuePlace;
  readonly answerHeaders: () => AnswerHeaders | undefined;
}

/**
 * Brings a run to its end without a worker's message. Requests only ask for an end. The answer of
 * the statement decides. If the job is done after all, its result is delivered.
 */
export class RunEnding {
  readonly #deps: CallDeps;
  readonly #options: RunEndingOptions;
  readonly #overdue = new AbortController();
  #stop: StopRequest | undefined;
  #end: RunEnd | undefined;
  #endedRow: EndedJob | undefined;

  constructor(deps: CallDeps, options: RunEndingOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Aborted when the job has ended without a message of its worker: nothing more will come. */
  get overdue(): AbortSignal {
    return this.#overdue.signal;
  }

  get stopRequest(): StopRequest | undefined {
    return this.#stop;
  }

  /** Asks the job to end. Only the first call counts. */
  stop(request: StopRequest): void {
    if (this.#stop !== undefined || this.#end !== undefined) return;
    this.#stop = request;
    void this.request(request, null);
  }

  /** Asks the job to end, at `place` if it waits there. Never rejects. */
  async request(request: StopRequest, place: number | null): Promise<void> {
    const { job, place: queuePlace, answerHeaders } = this.#options;
    const { code } = request;
    try {
      const requested = await requestEnd(this.#deps, job, request, place);
      if (requested.kind === "closed") return;
      if (requested.kind === "ended") queuePlace.removeEntry();
      const row = requested.kind === "ended-before" ? requested.row : undefined;
      if (row === undefined) this.#finish(endByRequest(requested.kind, request, answerHeaders()));
      else {
        this.recordEnded(row);
        this.#overdue.abort();
      }
    } catch (error) {
      this.#deps.log.error({ err: error, job: job.id, code }, "job could not be asked to end");
      queuePlace.removeEntry();
      endLater(this.#deps, job.id, request);
      const isOurs = classifyDatabaseError(error) === "data";
      const unknown = isOurs ? "internal_error" : "database_unavailable";
      const unsure = { state: "failed", code: unknown } as const;
      this.#finish(endByRequest("unconfirmed", unsure, answerHeaders()));
    }
  }

  /** Ends the run by the job's row. */
  recordEnded(row: EndedJob): void {
    this.#endedRow = row;
    this.#options.inbox.close();
  }

  /** Returns the end that was decided here, or else that of the job's row. */
  end(progress: RunProgress): RunEnd {
    const row = this.#endedRow;
    const end = this.#end ?? (row === undefined ? undefined : endByRow(row, progress));
    return end ?? endByState("failed", "answer_lost", progress.answerHeaders);
  }

  /** Wakes the reader of the run's events, who gets the messages that are there already first. */
  #finish(end: RunEnd): void {
    this.#end ??= end;
    this.#overdue.abort();
    this.#options.inbox.close();
  }
}
