/** How much of an upstream is read, and for how long beyond the configured timeouts. */
export interface ReadLimits {
  /** Largest whole answer. */
  readonly answerBytes: number;
  /** Largest single event of a stream, and largest run of events held back at its end. */
  readonly eventChars: number;
  /** As much as is read of a refusal's body. */
  readonly refusalBytes: number;
  /** Time for a refusal's body after its headers. */
  readonly refusalMs: number;
  /** Time for the HTTP message to end after `[DONE]`; then the socket is closed, not reused. */
  readonly drainMs: number;
}

export const defaultReadLimits: ReadLimits = {
  answerBytes: 64 * 1024 * 1024,
  eventChars: 16 * 1024 * 1024,
  refusalBytes: 64 * 1024,
  refusalMs: 2000,
  drainMs: 250,
};
