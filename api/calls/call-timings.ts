/** How often, and for how long, the API waits for what others do; tests pass shorter ones. */
export interface CallTimings {
  /** Silence on a stream after which a comment line is sent. */
  readonly heartbeatMs: number;
  /** How long a worker may take to confirm an end that was asked for, before it is asked again. */
  readonly confirmMs: number;
  /** How often followers of a job look at its row when no notice comes; notices may be lost. */
  readonly lookMs: number;
  /** Pause before what failed for want of a queue or a database is tried again. */
  readonly requeueMs: number;
  /** How long a queue may be away when a job first enters it; then its caller is told. */
  readonly enterWithinMs: number;
  /** Pause before a job is offered again to its first queue; a lost connection to Redis takes about as long. */
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
