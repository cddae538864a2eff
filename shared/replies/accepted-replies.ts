import { NO_OWNER, type Notice, type ReplyMessage } from "../contracts/reply.ts";
import type { AttemptLog, EventLog } from "../events/event-log.ts";
import type { AcceptedQueue } from "../jobs/accepted-queue.ts";
import type { WaitingJob } from "../jobs/find-waiting.ts";
import { splitEvents } from "../events/event-log.ts";
import type { AttemptReply, ReplySender } from "./reply-path.ts";

export interface AcceptedRepliesOptions {
  /** The sender for jobs that a process owns. */
  readonly owned: ReplySender;
  readonly queue: AcceptedQueue;
  readonly events: EventLog;
  readonly findWaiting: (job: string) => Promise<WaitingJob | undefined>;
  readonly onError: (error: unknown) => void;
}

/**
 * Sends the messages of any job. Those of an owned job go to its owner, and those of an accepted
 * job to the event log, which its readers follow. An accepted job that waits again is queued at
 * once.
 */
export class AcceptedReplies implements ReplySender {
  readonly #options: AcceptedRepliesOptions;

  constructor(options: AcceptedRepliesOptions) {
    this.#options = options;
  }

  attempt(owner: string, job: string, fence: number): AttemptReply {
    if (owner !== NO_OWNER) return this.#options.owned.attempt(owner, job, fence);
    const log = this.#options.events.attempt(job, fence);
    return {
      send: (message) => this.#take(log, job, message),
      close: () => undefined,
    };
  }

  async notify(owner: string, job: string, notice: Notice): Promise<boolean> {
    if (owner !== NO_OWNER) return await this.#options.owned.notify(owner, job, notice);
    if (notice.type === "enqueue") await this.#enqueue(job, notice.place, notice.delayMs);
    this.#options.events.announce(job);
    return true;
  }

  async #take(log: AttemptLog, job: string, message: ReplyMessage): Promise<boolean> {
    if (message.type === "chunk") log.append(splitEvents(message.text));
    else if (message.type === "enqueue" || message.type === "end")
      await this.notify(NO_OWNER, job, message);
    else if (message.type === "started") this.#options.events.announce(job);
    return true;
  }

  /** The sweeper finds entries that the queue does not accept now. */
  async #enqueue(job: string, place: number, delayMs: number): Promise<void> {
    try {
      const waiting = await this.#options.findWaiting(job);
      if (waiting?.place !== place) return;
      await this.#options.queue.add({
        job,
        place,
        provider: waiting.provider,
        serviceClass: waiting.class,
        tenant: waiting.key_id,
        delayMs,
      });
    } catch (error) {
      this.#options.onError(error);
    }
  }
}
