/** Bounds of what is read from an upstream, beyond the configured timeouts. */
export interface ReadLimits {
  /** Largest whole answer. */
  readonly answerBytes: number;
  /** The largest single event of a stream, and the largest run of events held back at its end. */
  readonly eventChars: number;
  /** Bytes that are read of an error response's body. */
  readonly errorBytes: number;
  /** Time for an error response's body after its headers. */
  readonly errorMs: number;
  /**
   * The HTTP message must end within this time after `[DONE]`. Otherwise the socket is closed, not
   * reused.
   */
  readonly drainMs: number;
}

export const defaultReadLimits: ReadLimits = {
  answerBytes: 64 * 1024 * 1024,
  eventChars: 16 * 1024 * 1024,
  errorBytes: 64 * 1024,
  errorMs: 2000,
  drainMs: 250,
};
