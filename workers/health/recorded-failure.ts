import type { FailureSign } from "./failure-sign.ts";

/** A failed call and its sign. */
export interface RecordedFailure {
  readonly job: string;
  /** Equal for jobs with equal requests. */
  readonly request: string;
  readonly sign: FailureSign;
  /** The job is owed its result. */
  readonly patient: boolean;
  /** A caller waits on a connection, whether the result is owed or not. */
  readonly callerWaits: boolean;
  /** The provider has asked for this pause. */
  readonly retryAfterMs?: number;
  /** The log shows this status and these words of the upstream. */
  readonly why: string;
}
