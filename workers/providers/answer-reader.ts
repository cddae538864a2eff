import type { ReportedUsage, ResponseStatus } from "../../shared/contracts/outcome.ts";
import type { FailedEnd } from "./call-end.ts";

/** What a piece of a stream came to: events to forward, then perhaps the end. */
export interface StreamStep {
  readonly text: string;
  readonly failure?: FailedEnd;
  /** The stream is whole; these last events wait for the ledger row. */
  readonly tail?: string;
  /** Beside the tail of an answer that is put together: all of it. */
  readonly body?: Buffer;
  /** Beside the tail of a response: the finished object. */
  readonly response?: { readonly body: Buffer; readonly status: ResponseStatus };
  /** The piece brought nothing but comments and blank lines. */
  readonly isIdle?: true;
}

/** Reads one streamed answer. Pure: bytes in, steps out. */
export interface AnswerReader {
  /** An event that is not an error was seen. */
  readonly started: boolean;
  readonly outputBytes: number;
  readonly usage: ReportedUsage | undefined;
  /** Takes the next bytes, split anywhere. Not to be called after a step with an end. */
  push(bytes: Buffer): StreamStep;
  /** The body is over. */
  end(): StreamStep;
}
