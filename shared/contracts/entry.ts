import type { Endpoint } from "./endpoint.ts";

/**
 * What waits in a provider's queue. A hint without authority: it may be lost, doubled or late,
 * and the claim statement decides. Interactive bodies travel in it and are kept nowhere else.
 */
export interface Entry {
  readonly v: 1;
  readonly job: string;
  readonly place: number;
  /** The API process that holds the caller's connection. */
  readonly owner: string;
  readonly endpoint: Endpoint;
  readonly stream: boolean;
  /** The caller asked for the usage chunk of a stream; otherwise it is read and dropped. */
  readonly wantsUsage: boolean;
  /** Choices that a complete answer holds: `n` times the number of prompts; embeddings: inputs. */
  readonly choices: number;
  /** Output cap in tokens per choice; sent in the field that the target takes. Null: embeddings. */
  readonly maxOutputTokens: number | null;
  /**
   * The caller's JSON object as raw text, without `model`, `stream_options` and the output cap,
   * which the worker writes for each target. A string inside the entry's own JSON, so that
   * escaped NULs and lone surrogates survive PostgreSQL's jsonb.
   */
  readonly body: string;
  /** The caller's own `stream_options` as JSON text, if any. */
  readonly streamOptions?: string;
}

/** The queue's id of an entry; BullMQ allows no `:` and no id of digits alone. */
export function entryId(job: string, place: number): string {
  return `${job}-${place}`;
}
