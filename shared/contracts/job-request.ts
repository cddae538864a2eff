import type { Endpoint } from "./endpoint.ts";
import type { ResponseContext } from "./response-context.ts";

/**
 * A request as a worker runs it. The entry of an interactive job carries it, and the database
 * stores it for an accepted job.
 */
export interface JobRequest {
  readonly endpoint: Endpoint;
  /** The caller receives the answer as a stream of events. */
  readonly stream: boolean;
  /**
   * The caller wants the whole answer although `stream` is set: the events are for those who follow
   * the job.
   */
  readonly answersWhole?: true;
  /** The caller asked for the usage chunk of a stream. Otherwise the chunk is read and dropped. */
  readonly wantsUsage: boolean;
  /**
   * The number of choices in a complete answer: `n` times the number of prompts. For embeddings it
   * is the number of inputs.
   */
  readonly choices: number;
  /**
   * The output cap in tokens per choice, sent in the field that the target takes. Null for
   * embeddings.
   */
  readonly maxOutputTokens: number | null;
  /** The caller named no output cap, or one above the route's, so the route's cap was written. */
  readonly capIsDefault?: boolean;
  /** The caller named an output cap above the route's. */
  readonly capWasAsked?: boolean;
  /**
   * The caller's JSON object is raw text here, without `model`, `stream`, `stream_options` and the
   * output cap, which the worker writes for each target. It is a string inside the entry's own
   * JSON, so that escaped NULs and lone surrogates survive PostgreSQL's jsonb.
   */
  readonly body: string;
  /**
   * `body` holds only fields that `upstreamBody` passes. Undefined means that an earlier version
   * wrote the body.
   */
  readonly isBuilt?: true;
  /** The number of the service class in `serviceClasses`, unless it is the default class. */
  readonly serviceClass?: number;
  /** The caller's `stream_options` as JSON text, if there are any. */
  readonly streamOptions?: string;
  /**
   * A caller waits on the connection, possibly also for a stored job. Undefined means that nobody
   * is in a hurry.
   */
  readonly callerWaits?: true;
  /** Present for `/v1/responses` only. */
  readonly response?: ResponseContext;
}

/**
 * The service classes in the order in which they are served. The number is stored with the job and
 * orders the queue.
 */
export const serviceClasses = { priority: 0, default: 1, flex: 2, batch: 3 } as const;

export type ServiceClass = keyof typeof serviceClasses;

/** The part of an accepted job's request that is stored beside its body, as JSON text. */
export interface StoredRequest extends Omit<JobRequest, "body"> {
  /** The caller wants embeddings as base64. Upstreams are always asked for floats. */
  readonly base64: boolean;
  /** The caller's metadata, which is shown with the job. */
  readonly metadata: unknown;
}
