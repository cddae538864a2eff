import type { ErrorCode } from "../errors/catalogue.ts";
import type { Location } from "./plan.ts";

/** The owner of accepted jobs: no process, since whatever they need is stored. */
export const NO_OWNER = "";

/** How a job ended. The statement that wrote it is the only source of it. */
export type EndState = "done" | "failed" | "cancelled" | "expired";

/** What a caller is told when a job did not end `done`; fits `BrokerError`. */
export interface ReplyError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly param?: string;
  readonly wireCode?: string;
  readonly retryAfterMs?: number;
  /** False where the code alone would let a client try again, and that would not help here. */
  readonly retryable?: false;
}

/** Facts known once an attempt has begun; they become response headers. */
export interface AnswerHeaders {
  readonly provider: string;
  readonly location: Location;
  /** Number of this attempt, from 1. */
  readonly attempts: number;
  /** Time from accept to this attempt's start. */
  readonly queueMs: number;
}

/** The job waits at a new place, or its entry was lost: the owner, who has the body, adds it. */
export interface EnqueueMessage {
  readonly type: "enqueue";
  readonly provider: string;
  readonly place: number;
  readonly delayMs: number;
}

/**
 * A complete answer, sent before its ledger row is written so that it outlives the worker: it stays
 * with the owner until `end`, or the job's row, says that it counts. `body`: a whole answer's bytes;
 * `tail`: the last events of a stream.
 */
export interface ResultMessage {
  readonly type: "result";
  readonly contentType: string;
  readonly body?: Buffer;
  readonly tail?: string;
}

/** Sent after the statement that ended the job has committed, once. */
export interface EndMessage {
  readonly type: "end";
  readonly state: EndState;
  readonly answerHeaders?: AnswerHeaders;
  readonly costNanos?: bigint;
  readonly error?: ReplyError;
}

/** Messages from the worker that runs a job to the API process that owns it, in order. */
export type ReplyMessage =
  /** An attempt was claimed; its entry has left the queue. */
  | ({ readonly type: "started" } & AnswerHeaders)
  /** The first upstream event of a stream is good: headers may leave. */
  | ({ readonly type: "head" } & AnswerHeaders)
  /** Whole server-sent events, ready to be written. */
  | { readonly type: "chunk"; readonly text: string }
  | ResultMessage
  | EndMessage
  | EnqueueMessage;

/** What a sweeper, a mover or the admin API tells an owner, after a statement of no attempt. */
export type Notice = EndMessage | EnqueueMessage;
