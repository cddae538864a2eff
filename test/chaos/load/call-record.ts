import type { KeyName } from "../fleet/chaos-fleet.ts";

/** The record of one caller. Times are in milliseconds since the run's start. */
export interface CallRecord {
  /** This text is in the prompt, and therefore in the right answer. */
  readonly marker: string;
  readonly shape: string;
  readonly api: "api-1" | "api-2";
  readonly key: KeyName;
  /** The stricter residency of key and request counts. */
  readonly residency: "any" | "local";
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  readonly deadlineMs: number;
  readonly status: number | undefined;
  readonly job: string | undefined;
  readonly provider: string | undefined;
  /**
   * - `answered`: the response ended regularly, whatever its content.
   * - `left`: the caller hung up in the middle, as planned.
   * - `lost`: the connection broke or could not be made.
   * - `hung`: nothing ended it, long after the deadline.
   */
  readonly end: "answered" | "left" | "lost" | "hung";
  /** Tells whether there was a whole body with its answer, or a stream up to `[DONE]`. */
  readonly complete: boolean;
  /** An error body or event has this code. */
  readonly errorCode: string | undefined;
  /** How the answer's text, as far as it was received, compares with the right one. */
  readonly text: "none" | "own" | "part" | "foreign";
}
