/** The database got a statement and did not answer while its caller could wait. */
export class UnansweredError extends Error {
  override readonly name = "UnansweredError";

  readonly waitedMs: number;

  /** `cause` is the error of the last try, if a try has ended. */
  constructor(statement: string, waitedMs: number, cause: unknown) {
    super(`${statement}: no answer within ${Math.round(waitedMs)} ms`, { cause });
    this.waitedMs = waitedMs;
  }
}
