/** A statement that the database had, and did not answer while somebody could wait for it. */
export class UnansweredError extends Error {
  override readonly name = "UnansweredError";

  readonly waitedMs: number;

  /** `cause`: what the last try ended with, if any has ended. */
  constructor(statement: string, waitedMs: number, cause: unknown) {
    super(`${statement}: no answer within ${Math.round(waitedMs)} ms`, { cause });
    this.waitedMs = waitedMs;
  }
}
