/** The API waits so long for other processes. Tests pass shorter times. */
export interface CallTimings {
  /** A stream that has been silent for so long gets a comment line. */
  readonly heartbeatMs: number;
  /** A worker has so long to confirm the end of a job before it is asked again. */
  readonly confirmMs: number;
  /** Followers of a job look at its row so often, since notices may be lost. */
  readonly lookMs: number;
  /** The pause before a queue or a database that failed is tried again. */
  readonly requeueMs: number;
  /** A queue may be away for so long when a job first enters it. Then the caller gets an error. */
  readonly enterWithinMs: number;
  /**
   * The pause before a job is offered again to its first queue. A lost connection to Redis comes back
   * within about as much.
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
