/** How long the API waits for other processes. Tests pass shorter times. */
export interface CallTimings {
  /** The silence after which a stream gets a comment line. */
  readonly heartbeatMs: number;
  /** The time that a worker has to confirm the end of a job before it is asked again. */
  readonly confirmMs: number;
  /** The pause after which followers look at a job's row, since notices may be lost. */
  readonly lookMs: number;
  /** The pause before a queue or a database that failed is tried again. */
  readonly requeueMs: number;
  /**
   * How long a queue may be away when a job first enters it. After that the caller gets an error.
   */
  readonly enterWithinMs: number;
  /**
   * The pause before a job is offered again to its first queue. A lost connection to Redis comes
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
