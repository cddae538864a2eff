/** The API waits this long for other processes. Tests pass shorter times. */
export interface CallTimings {
  /** A stream that is silent for this long gets a comment line. */
  readonly heartbeatMs: number;
  /** A worker has this long to confirm the end of a job before it is asked again. */
  readonly confirmMs: number;
  /** Followers look at a job's row this often, since notices may be lost. */
  readonly lookMs: number;
  /** A queue or a database that failed is tried again after this pause. */
  readonly requeueMs: number;
  /**
   * A queue may be away for this long when a job first enters it. After that the caller gets an
   * error.
   */
  readonly enterWithinMs: number;
  /**
   * A job is offered again to its first queue after this pause. A lost connection to Redis comes
   * back in about this time.
   */
  readonly enterPauseMs: number;
}

export const defaultTimings: CallTimings = {
  heartbeatMs: 15_000,
  confirmMs: 2_000,
  lookMs: 1_000,
  requeueMs: 1_000,
  enterWithinMs: 2_000,
  enterPauseMs: 50,
};
