import type { Notice, ReplyMessage } from "../contracts/reply.ts";

/** Bytes that may be on their way to one caller before its worker stops reading upstream. */
export const REPLY_CREDIT_BYTES = 256 * 1024;

/** What the API process that owns a job receives about it, in order. */
export interface ReplyInbox {
  /** The next message; null once the inbox is closed. A taken chunk gives its credit back. */
  next(): Promise<ReplyMessage | null>;
  /** The attempts that were heard of are over: what they still say reaches nobody. */
  endAttempts(): void;
  /** The job's end has come, read or not. */
  readonly hasEnd: boolean;
  /** The worker whose attempt was heard last; undefined before, and inside one process. */
  readonly worker: string | undefined;
  close(): void;
}

/** The API's side. The inbox is opened before the job is queued, so no message comes too early. */
export interface ReplyReceiver {
  open(job: string): ReplyInbox;
}

/** What one attempt of a job says to the job's owner, in order and once each. */
export interface AttemptReply {
  /**
   * Hands a message over. Resolves when the next one may be sent: chunks wait for credit, so that
   * a slow caller slows its own generation. False: nobody listens to this attempt any more.
   */
  send(message: ReplyMessage): Promise<boolean>;
  /** Nothing more will be said; what was is delivered all the same. */
  close(): void;
}

/** The worker's side. */
export interface ReplySender {
  /** Of several attempts of one job, only the one with the highest fence is heard. */
  attempt(owner: string, job: string, fence: number): AttemptReply;
  /**
   * Tells the owner what a statement of no attempt did. May be lost between processes: whoever
   * sends it finds the job again. False: nobody owns the job any more.
   */
  notify(owner: string, job: string, notice: Notice): Promise<boolean>;
}
