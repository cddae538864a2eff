import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { FailedEnd } from "./call-stopped.ts";

/** A call as it goes out, and how its answer is read. */
export interface PreparedCall {
  readonly endpoint: Endpoint;
  readonly body: string;
  /** Reads the answer as a stream; without, it is read as a whole. */
  readonly reader?: AnswerReader;
  /** What a refusal means to this call. */
  readonly onRefusal: (end: FailedEnd) => FailedEnd;
}
