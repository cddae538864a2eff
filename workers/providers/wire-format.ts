import type { Endpoint } from "../../shared/contracts/endpoint.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { FailedEnd } from "./call-end.ts";

/** A call as it goes out, and how its answer is read. */
export interface PreparedCall {
  readonly endpoint: Endpoint;
  readonly body: string;
  /** Reads the answer as a stream; without, it can only come whole. */
  readonly reader?: AnswerReader;
  /** `whole`: an answer that comes in one piece goes on byte by byte. Without: `events`. */
  readonly delivers?: "events" | "whole";
  /** The body asks for one piece, although the reader would take a stream. */
  readonly isUnstreamed?: true;
  /** What a refusal means to this call. */
  readonly onRefusal: (end: FailedEnd) => FailedEnd;
}
