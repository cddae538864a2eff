import type { ErrorCode } from "../errors/catalogue.ts";
import type { Location } from "./plan.ts";

/** The owner of accepted jobs. No process owns them, since everything that they need is stored. */
export const NO_OWNER = "";

/** The states in which a job ends. The statement that wrote the state is its only source. */
export type EndState = "done" | "failed" | "cancelled" | "expired";

/** The error for the caller of a job that did not end `done`. It fits `BrokerError`. */
export interface ReplyError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string;
  readonly wireCode?: string;
  readonly retryAfterMs?: number;
  /** False when the code alone would let a client try again although that would not help. */
  readonly retryable?: false;
}

/** The facts that are known once an attempt has begun. They become response headers. */
export interface AnswerHeaders {
  readonly provider: string;
  readonly location: Location;
  /** Attempts are counted from 1. */
  readonly attempts: number;
  /** The queue time runs from accept to this attempt's start. */
  readonly queueMs: number;
}

/**
 * Asks the owner, who has the body, to queue the job: the job waits at a new place, or its entry
 * was lost.
 */
export interface EnqueueMessage {
  readonly type: "enqueue";
  readonly provider: string;
  readonly place: number;
  readonly delayMs: number;
}

/**
 * A complete answer, sent before its ledger row is written so that it outlives the worker. The
 * owner keeps it until the `end` message or the job's row says that it counts. `body` is a whole
 * answer, and `tail` is the last events of a stream.
 */
export interface ResultMessage {
  readonly type: "result";
  readonly contentType: string;
  readonly body?: Buffer;
  readonly tail?: string;
}

/** Sent once, after the statement that ended the job has committed. */
export interface EndMessage {
  readonly type: "end";
  readonly state: EndState;
  readonly answerHeaders?: AnswerHeaders;
  readonly costNanos?: bigint;
  readonly error?: ReplyError;
}

/** Messages from the worker that runs a job to the API process that owns it, in order. */
export type ReplyMessage =
  /** An attempt was claimed, and its entry has left the queue. */
  | ({ readonly type: "started" } & AnswerHeaders)
  /** The first upstream event of a stream is valid, so headers may be sent. */
  | ({ readonly type: "head" } & AnswerHeaders)
  /** Whole server-sent events, ready to be written. */
  | { readonly type: "chunk"; readonly text: string }
  | ResultMessage
  | EndMessage
  | EnqueueMessage;

/**
 * A message to an owner from a sweeper, a mover or the admin API, after a statement that belongs to
 * no attempt.
 */
export type Notice = EndMessage | EnqueueMessage;
