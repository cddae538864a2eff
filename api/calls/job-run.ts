import type {
  AnswerHeaders,
  EnqueueMessage,
  ReplyMessage,
  ResultMessage,
} from "../../shared/contracts/reply.ts";
import type { EndedJob } from "../../shared/jobs/find-ended.ts";
import type { ReplyInbox } from "../../shared/replies/reply-path.ts";
import type { CallDeps } from "./call-deps.ts";
import type { OwnedJob } from "./owned-jobs.ts";
import type { QueuePlace } from "./queue-place.ts";
import type { EndingJob, StopRequest } from "./request-end.ts";
import { endByMessage, endByState, type RunEnd, type RunProgress } from "./run-end.ts";
import { RunEnding } from "./run-ending.ts";

export interface JobRunOptions {
  readonly id: string;
  readonly inbox: ReplyInbox;
  readonly place: QueuePlace;
  readonly deadlineMs: number;
  /** The longest time that the caller waits. Without it the caller waits until the deadline. */
  readonly syncWaitMs: number | undefined;
  /** Aborted when the caller disconnects. */
  readonly disconnected: AbortSignal;
}

export type RunEvent =
  | { readonly type: "head"; readonly answerHeaders: AnswerHeaders }
  | { readonly type: "chunk"; readonly text: string }
  | { readonly type: "end"; readonly end: RunEnd };

export const QUEUE_REFUSED = "queue did not take an entry";

/**
 * An admitted job, from its first place to its end, in the process that holds the caller's
 * connection. Timers, disconnects and shutdowns only ask for an end. The answer of the statement
 * decides. If the job is done after all, its result is delivered.
 */
export class JobRun implements OwnedJob, EndingJob {
  readonly id: string;
  readonly #deps: CallDeps;
  readonly #inbox: ReplyInbox;
  readonly #place: QueuePlace;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #disconnected: AbortSignal;
  readonly #closed = new AbortController();
  readonly #ending: RunEnding;
  #answerHeaders: AnswerHeaders | undefined;
  #forwarded = false;
  /** The latest attempt's result, which counts when the job's end says so. */
  #result: ResultMessage | undefined;

  constructor(deps: CallDeps, options: JobRunOptions) {
    this.#deps = deps;
    this.id = options.id;
    this.#inbox = options.inbox;
    this.#place = options.place;
    this.#disconnected = options.disconnected;
    this.#ending = new RunEnding(deps, {
      job: this,
      inbox: options.inbox,
      place: options.place,
      answerHeaders: () => this.#answerHeaders,
    });
    this.#after(options.deadlineMs, () => this.stop("expired", "deadline"));
    const { syncWaitMs } = options;
    if (syncWaitMs !== undefined) this.#after(syncWaitMs, () => this.stop("expired", "sync_wait"));
    this.#disconnected.addEventListener("abort", this.#onDisconnect, { once: true });
    if (this.#disconnected.aborted) this.#onDisconnect();
    deps.jobs.add(this);
  }

  /** Aborted when the job has ended without a message of its worker: nothing more will come. */
  get overdue(): AbortSignal {
    return this.#ending.overdue;
  }

  /** Aborted when the run has given up what it held. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** True once the job has been asked to end. */
  get isStopping(): boolean {
    return this.#ending.stopRequest !== undefined;
  }

  /** Asks the job to end. Only the first call counts. */
  stop(state: StopRequest["state"], code: string): void {
    this.#ending.stop({ state, code });
  }

  /** Yields what happens to the job, once. The caller reads until the end. */
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
   * Ends the run by the job's row. The worker's message will not come: the worker died with the answer,
   * or the message was lost.
   */
  recordEnded(row: EndedJob): void {
    this.#ending.recordEnded(row);
  }

  /** True when the end is here, and the caller only has to take it. */
  get hasEnd(): boolean {
    return this.#inbox.hasEnd;
  }

  /** The worker, in another process, that sent the last message. */
  get worker(): string | undefined {
    return this.#inbox.worker;
  }

  /** Gives up what the run holds in this process. */
  close(): void {
    // Without a reason, Node makes an exception with a stack: a fortieth of a call's time.
    this.#closed.abort("the run is closed");
    for (const timer of this.#timers) clearTimeout(timer);
    this.#disconnected.removeEventListener("abort", this.#onDisconnect);
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
        // An earlier attempt had begun to answer, and two answers must not run together.
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
        return { type: "end", end: endByMessage(message, this.#progress()) };
    }
    return undefined;
  }

  /** Lets the job wait again. An answer that has begun to arrive cannot start over: the job fails. */
  async #enqueue(message: EnqueueMessage): Promise<void> {
    const { provider, place, delayMs } = message;
    if (this.#place.isStale(place)) return;
    this.#inbox.endAttempts();
    this.#result = undefined;
    const { stopRequest } = this.#ending;
    if (stopRequest !== undefined) return await this.#ending.request(stopRequest, place);
    if (this.#forwarded)
      return await this.#ending.request({ state: "failed", code: "answer_lost" }, place);
    try {
      await this.#place.enter(provider, place, delayMs);
    } catch (error) {
      this.#deps.log.warn({ err: error, job: this.id, provider }, QUEUE_REFUSED);
      this.#after(this.#deps.timings.requeueMs, () => void this.#enqueue(message));
    }
  }

  #ownEnd(): RunEvent {
    return { type: "end", end: this.#ending.end(this.#progress()) };
  }

  #progress(): RunProgress {
    const { stopRequest } = this.#ending;
    return { stopRequest, answerHeaders: this.#answerHeaders, result: this.#result };
  }

  #after(ms: number, act: () => void): void {
    if (!this.closed.aborted) this.#timers.push(setTimeout(act, ms));
  }

  readonly #onDisconnect = (): void => this.stop("cancelled", "disconnect");
}
