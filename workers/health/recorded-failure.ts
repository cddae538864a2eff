import type { FailureSign } from "./failure-sign.ts";

/** A call that has failed, and what it says of its provider. */
export interface RecordedFailure {
  readonly job: string;
  /** The same for jobs that ask the same. */
  readonly request: string;
  readonly sign: FailureSign;
  /** The job is owed its result. */
  readonly patient: boolean;
  /** Somebody waits on the connection, whether its result is owed or not. */
  readonly callerWaits: boolean;
  /** What the provider has asked for. */
  readonly retryAfterMs?: number;
  /** The upstream's status and words, for the log. */
  readonly why: string;
}
