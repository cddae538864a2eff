import type { FastifyBaseLogger } from "fastify";
import type {
  AnswerHeaders,
  EnqueueMessage,
  ReplyMessage,
  ResultMessage,
} from "../../shared/contracts/reply.ts";
import { classifyDatabaseError } from "../../shared/db/classify-database-error.ts";
import type { Database } from "../../shared/db/database.ts";
import type { EndMember } from "../../shared/jobs/end.ts";
import type { EndedJob } from "../../shared/jobs/find-ended.ts";
import type { ReplyInbox } from "../../shared/replies/reply-path.ts";
import type { StopRequests } from "../../shared/replies/stop-requests.ts";
import type { CallTimings } from "./call-timings.ts";
import type { EndedWatchDeps } from "./ended-watch.ts";
import type { OwnedJob, OwnedJobs } from "./owned-jobs.ts";
import type { QueuePlace } from "./queue-place.ts";
import { endByMessage, endByRow, endByState, type RunEnd } from "./run-end.ts";

export interface JobRunDeps {
  readonly database: Pick<Database, "end">;
  readonly stops: StopRequests;
  readonly jobs: OwnedJobs;
  readonly log: FastifyBaseLogger;
  readonly timings: CallTimings;
  readonly findEnded: EndedWatchDeps["findEnded"];
}

export interface JobRunOptions {
  readonly id: string;
  readonly inbox: ReplyInbox;
  readonly place: QueuePlace;
  readonly deadlineMs: number;
  /** How long the caller waits at most; undefined: until the deadline. */
  readonly syncWaitMs: number | undefined;
  /** Aborted when the caller goes away. */
  readonly gone: AbortSignal;
}

export type RunEvent =
  | { readonly type: "head"; readonly answerHeaders: AnswerHeaders }
  | { readonly type: "chunk"; readonly text: string }
  | { readonly type: "end"; readonly end: RunEnd };

export const QUEUE_REFUSED = "queue did not take an entry";
/** By then the sweepers have closed what its worker left. */
const MAX_ASKED = 6;

interface StopRequest {
  readonly state: EndMember["state"];
  readonly code: string;
}

/**
 * An admitted job, from its first place to its end, as the process sees it that holds the caller's
 * connection. Timers, disconnects and shutdowns only ask for an end: what the statement returned
 * decides, and if the job got done after all, its result is delivered.
 */
export class JobRun implements OwnedJob {
  readonly id: string;
  readonly #deps: JobRunDeps;
  readonly #inbox: ReplyInbox;
  readonly #place: QueuePlace;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #gone: AbortSignal;
  readonly #overdue = new AbortController();
  #isClosed = false;
  #answerHeaders: AnswerHeaders | undefined;
  #forwarded = false;
  /** Of the attempt that was heard last; counts when the job's end says so. */
  #result: ResultMessage | undefined;
  #endedRow: EndedJob | undefined;
  #stop: StopRequest | undefined;
  /** Decided here, not by a worker's message. */
  #end: RunEnd | undefined;

  constructor(deps: JobRunDeps, options: JobRunOptions) {
    this.#deps = deps;
    this.id = options.id;
    this.#inbox = options.inbox;
    this.#place = options.place;
    this.#gone = options.gone;
    this.#after(options.deadlineMs, () => this.stop("expired", "deadline"));
    const { syncWaitMs } = options;
    if (syncWaitMs !== undefined) this.#after(syncWaitMs, () => this.stop("expired", "sync_wait"));
    this.#gone.addEventListener("abort", this.#onGone, { once: true });
    if (this.#gone.aborted) this.#onGone();
    deps.jobs.add(this);
  }

  /** Aborted when the job has ended without its worker's word: nothing more will come. */
  get overdue(): AbortSignal {
    return this.#overdue.signal;
  }

  /** Asks the job to end, once; the first reason stands. */
  stop(state: StopRequest["state"], code: string): void {
    if (this.#stop !== undefined || this.#end !== undefined) return;
    this.#stop = { state, code };
    void this.#requestEnd(this.#stop, null);
  }

  /**
   * Offers the job's first entry again to a queue that did not take it. A worker may have it all the
   * same, where only the queue's answer was lost: the statement then says so, and the run goes on.
   */
  offerAgain(provider: string, untilMs?: number): void {
    const { enterWithinMs, enterPauseMs } = this.#deps.timings;
    const giveUpAt = untilMs ?? performance.now() + enterWithinMs;
    const offer = async (): Promise<void> => {
      const isOver = (): boolean => this.#stop !== undefined || this.#place.isStale(0);
      if (isOver()) return;
      try {
        await this.#place.enter(provider, 0, 0);
      } catch {
        // A worker may have been heard while the queue was asked.
        if (isOver()) return;
        if (performance.now() < giveUpAt) this.offerAgain(provider, giveUpAt);
        else this.stop("failed", "queue_unavailable");
      }
    };
    this.#after(enterPauseMs, () => void offer());
  }

  /** What happens to the job, once, ending with its end; to be read until then. */
  async *events(): AsyncGenerator<RunEvent, void> {
    try {
      for (;;) {
        const message = await this.#inbox.next();
        const event = message === null ? this.#ownEnd() : await this.#take(message);
        if (event !== undefined) yield event;
        if (event?.type === "end") return;
      }
    } finally {
      this.close();
    }
  }

  /**
   * The job's row says that it has ended, and its worker's word will not come: it died with the
   * answer, or its message was lost.
   */
  recordEnded(row: EndedJob): void {
    this.#endedRow = row;
    this.#inbox.close();
  }

  /** Its end is here, and its caller only has to take it. */
  get hasEnd(): boolean {
    return this.#inbox.hasEnd;
  }

  /** The worker that was heard last, in another process. */
  get worker(): string | undefined {
    return this.#inbox.worker;
  }

  /** Gives up what the run holds in this process. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#gone.removeEventListener("abort", this.#onGone);
    this.#inbox.close();
    this.#place.leave();
    this.#deps.jobs.remove(this);
  }

  async #take(message: ReplyMessage): Promise<RunEvent | undefined> {
    if (message.type === "chunk") this.#forwarded = true;
    else if (message.type === "started" || message.type === "head") this.#answerHeaders = message;
    switch (message.type) {
      case "started":
        this.#result = undefined;
        this.#place.started();
        if (!this.#forwarded) break;
        // An attempt before it had begun to answer: two answers must not run together.
        this.stop("failed", "answer_lost");
        return { type: "end", end: endByState("failed", "answer_lost", this.#answerHeaders) };
      case "enqueue":
        await this.#enqueue(message);
        break;
      case "head":
        return { type: "head", answerHeaders: message };
      case "chunk":
        return message;
      case "result":
        this.#result = message;
        break;
      case "end":
        return { type: "end", end: endByMessage(message, this.#heard()) };
    }
    return undefined;
  }

  /** The job waits again. What has begun to arrive cannot begin anew: that fails honestly. */
  async #enqueue(message: EnqueueMessage): Promise<void> {
    const { provider, place, delayMs } = message;
    if (this.#place.isStale(place)) return;
    this.#inbox.endAttempts();
    this.#result = undefined;
    if (this.#stop !== undefined) return await this.#requestEnd(this.#stop, place);
    if (this.#forwarded)
      return await this.#requestEnd({ state: "failed", code: "answer_lost" }, place);
    try {
      await this.#place.enter(provider, place, delayMs);
    } catch (error) {
      this.#deps.log.warn({ err: error, job: this.id, provider }, QUEUE_REFUSED);
      this.#after(this.#deps.timings.requeueMs, () => void this.#enqueue(message));
    }
  }

  /**
   * Asks the statement, and asks again until the job has ended: no timer decides. `asked`: how often
   * it has been asked before.
   */
  async #requestEnd(request: StopRequest, place: number | null, asked = 0): Promise<void> {
    const { state, code } = request;
    try {
      const row = await this.#deps.database.end.submit({ job: this.id, place, state, code });
      if (row.verdict === "ended") {
        this.#place.removeEntry();
        this.#finish(endByState(state, code, this.#answerHeaders));
        return;
      }
      if (row.verdict === "running") this.#deps.stops.request(this.id, code, row.worker);
      const isOver = row.verdict === "already" || row.verdict === "gone";
      // Its worker's word, with the answer or the reason, comes first if it comes in time.
      if (isOver && asked > 0) await this.#finishByRow();
      else if (asked < MAX_ASKED)
        this.#after(
          this.#deps.timings.confirmMs,
          () => void this.#requestEnd(request, null, asked + 1),
        );
      else this.#finish(this.#unknownEnd(request));
    } catch (error) {
      this.#deps.log.error({ err: error, job: this.id, code }, "job could not be asked to end");
      this.#endLater(request);
      const isOurs = classifyDatabaseError(error) === "data";
      const unknown = isOurs ? "internal_error" : "database_unavailable";
      this.#finish(this.#unknownEnd({ state: "failed", code: unknown }));
    }
  }

  async #finishByRow(): Promise<void> {
    const [row] = await this.#deps.findEnded([{ id: this.id, worker: this.worker }]);
    if (row === undefined)
      return this.#finish(endByState("failed", "answer_lost", this.#answerHeaders));
    this.recordEnded(row);
    this.#overdue.abort();
  }

  /** A job that has been running, and of which no more is known, may have run to its end. */
  #unknownEnd({ state, code }: StopRequest): RunEnd {
    return state === "expired" || this.#answerHeaders === undefined
      ? endByState(state, code, this.#answerHeaders)
      : endByState("failed", "answer_lost", this.#answerHeaders);
  }

  /** The caller has been answered, so that the job must not run once the database is back. */
  #endLater({ state, code }: StopRequest): void {
    const { database, stops, timings } = this.#deps;
    this.#place.removeEntry();
    const again = async (): Promise<void> => {
      try {
        const row = await database.end.submit({ job: this.id, place: null, state, code });
        if (row.verdict === "running") stops.request(this.id, code, row.worker);
      } catch {
        setTimeout(() => void again(), timings.requeueMs).unref();
      }
    };
    void again();
  }

  /** Wakes the reader of `events`; messages that are there already come first. */
  #finish(end: RunEnd): void {
    this.#end ??= end;
    this.#overdue.abort();
    this.#inbox.close();
  }

  #ownEnd(): RunEvent {
    const row = this.#endedRow;
    const end = this.#end ?? (row === undefined ? undefined : endByRow(row, this.#heard()));
    return { type: "end", end: end ?? endByState("failed", "answer_lost", this.#answerHeaders) };
  }

  #heard() {
    return { asked: this.#stop, answerHeaders: this.#answerHeaders, result: this.#result };
  }

  #after(ms: number, act: () => void): void {
    if (!this.#isClosed) this.#timers.push(setTimeout(act, ms));
  }

  readonly #onGone = (): void => this.stop("cancelled", "disconnect");
}
