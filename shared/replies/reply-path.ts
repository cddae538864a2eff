import type { Notice, ReplyMessage } from "../contracts/reply.ts";

/** The bytes that may be on their way to one caller before its worker stops reading upstream. */
export const REPLY_CREDIT_BYTES = 256 * 1024;

/** The messages that the API process that owns a job receives about it, in order. */
export interface ReplyInbox {
  /**
   * Returns the next message, or null once the inbox is closed. A taken chunk gives its credit
   * back.
   */
  next(): Promise<ReplyMessage | null>;
  /** Ends the attempts heard so far: their later messages reach nobody. */
  endAttempts(): void;
  /** The job's end has arrived, read or not. */
  readonly hasEnd: boolean;
  /**
   * The worker whose attempt was heard last. Undefined before the first, and inside one process.
   */
  readonly worker: string | undefined;
  close(): void;
}

/**
 * The API's side of the replies. The inbox is opened before the job is queued, so no message comes
 * too early.
 */
export interface ReplyReceiver {
  open(job: string): ReplyInbox;
}

/** Sends the messages of one attempt to the job's owner, in order and once each. */
export interface AttemptReply {
  /**
   * Sends a message. Resolves when the next one may be sent: chunks wait for credit, so that a slow
   * caller slows its own generation. Returns false when nobody listens to this attempt any more.
   */
  send(message: ReplyMessage): Promise<boolean>;
  /** Ends the attempt's messages. Those already sent are still delivered. */
  close(): void;
}

/** The worker's side of the replies. */
export interface ReplySender {
  /**
   * Opens the messages of an attempt. Of several attempts of one job, only the one with the highest
   * fence is heard.
   */
  attempt(owner: string, job: string, fence: number): AttemptReply;
  /**
   * Tells the owner the result of a statement that belongs to no attempt. The notice may be lost
   * between processes: its sender finds the job again. Returns false when nobody owns the job any
   * more.
   */
  notify(owner: string, job: string, notice: Notice): Promise<boolean>;
}
