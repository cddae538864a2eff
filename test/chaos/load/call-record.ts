import type { KeyName } from "../fleet/chaos-fleet.ts";

/** What one caller sent and saw. Times are milliseconds since the run's start. */
export interface CallRecord {
  /** In its prompt, and so in its own right answer. */
  readonly marker: string;
  readonly shape: string;
  readonly api: "api-1" | "api-2";
  readonly key: KeyName;
  /** The stricter of key and request. */
  readonly residency: "any" | "local";
  readonly sentAtMs: number;
  readonly endedAtMs: number;
  readonly deadlineMs: number;
  readonly status: number | undefined;
  readonly job: string | undefined;
  readonly provider: string | undefined;
  /**
   * - `answered`: the response ended orderly, whatever it said.
   * - `left`: the caller hung up in the middle, as planned.
   * - `lost`: the connection broke or could not be made.
   * - `hung`: nothing ended it, long after the deadline.
   */
  readonly end: "answered" | "left" | "lost" | "hung";
  /** A whole body with its answer, or a stream up to `[DONE]`. */
  readonly complete: boolean;
  /** Of an error body or event. */
  readonly errorCode: string | undefined;
  /** How the answer's text, as far as it came, compares with the caller's own. */
  readonly text: "none" | "own" | "part" | "foreign";
}
