import type { ReportedUsage, ResponseStatus } from "../../shared/contracts/outcome.ts";
import type { FailedEnd } from "./call-end.ts";

/** One step of a stream: events to forward, then perhaps its end. */
export interface StreamStep {
  readonly text: string;
  readonly failure?: FailedEnd;
  /** The stream is whole, and these last events wait until the ledger row is written. */
  readonly tail?: string;
  /** The whole answer, where it is put together from the stream. It comes beside the tail. */
  readonly body?: Buffer;
  /** The finished object of a response. It comes beside the tail. */
  readonly response?: { readonly body: Buffer; readonly status: ResponseStatus };
  /** The bytes held nothing but comments and blank lines. */
  readonly isIdle?: true;
}

/** Reads one streamed answer. It is pure: bytes go in, steps come out. */
export interface AnswerReader {
  /** An event that is not an error has come. */
  readonly started: boolean;
  readonly outputBytes: number;
  readonly usage: ReportedUsage | undefined;
  /** Takes the next bytes, split anywhere. After a step with an end it must not be called. */
  push(bytes: Buffer): StreamStep;
  /** Says that the body is over. */
  end(): StreamStep;
}
