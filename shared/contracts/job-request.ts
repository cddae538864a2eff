import type { Endpoint } from "./endpoint.ts";
import type { ResponseContext } from "./response-context.ts";

/** A request as a worker runs it: in the entry of an interactive job, stored with an accepted one. */
export interface JobRequest {
  readonly endpoint: Endpoint;
  /** Its events are told as they come. */
  readonly stream: boolean;
  /** Its caller wants the answer whole all the same; the events are for those who follow it. */
  readonly answersWhole?: true;
  /** The caller asked for the usage chunk of a stream; otherwise it is read and dropped. */
  readonly wantsUsage: boolean;
  /** Choices that a complete answer holds: `n` times the number of prompts; embeddings: inputs. */
  readonly choices: number;
  /** Output cap in tokens per choice; sent in the field that the target takes. Null: embeddings. */
  readonly maxOutputTokens: number | null;
  /** The caller named no output cap, or one above the route's, so that the route's was written. */
  readonly capIsDefault?: boolean;
  /** The caller did name one, above the route's. */
  readonly capWasAsked?: boolean;
  /**
   * The caller's JSON object as raw text, without `model`, `stream`, `stream_options` and the output
   * cap, which the worker writes for each target. A string inside the entry's own JSON, so that
   * escaped NULs and lone surrogates survive PostgreSQL's jsonb.
   */
  readonly body: string;
  /** `body` holds nothing but what `upstreamBody` lets out; undefined: an earlier version wrote it. */
  readonly isBuilt?: true;
  /** Number of the service class, `serviceClasses`, unless it is the default one. */
  readonly serviceClass?: number;
  /** The caller's own `stream_options` as JSON text, if any. */
  readonly streamOptions?: string;
  /** Somebody waits on the connection, also for what is stored; undefined: for nobody in a hurry. */
  readonly callerWaits?: true;
  /** Of `/v1/responses`. */
  readonly response?: ResponseContext;
}

/** Service classes, first served first. The number is stored with the job and orders the queue. */
export const serviceClasses = { priority: 0, default: 1, flex: 2, batch: 3 } as const;

export type ServiceClass = keyof typeof serviceClasses;

/** What is stored of an accepted job's request beside its body, as JSON text. */
export interface StoredRequest extends Omit<JobRequest, "body"> {
  /** Embeddings are to be delivered as base64; upstreams are always asked for floats. */
  readonly base64: boolean;
  /** The caller's own, shown with the job. */
  readonly metadata: unknown;
}
