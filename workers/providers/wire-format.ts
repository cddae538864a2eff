import type { ReportedUsage } from "../../shared/contracts/outcome.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { FailedEnd } from "./call-end.ts";
import type { ByteSource } from "./http/byte-source.ts";
import type { OutgoingRequest } from "./http/exchange.ts";
import type { ProviderCall } from "./provider.ts";
import type { ShapedBody } from "./sse/body-shape.ts";

/**
 * The API of an upstream: how requests are written for it and how its answers are read. Each
 * provider has an instance of its own, which may remember what that upstream does not take.
 */
export interface WireFormat {
  /** Writes the request of a call, or says why the upstream cannot take it. */
  prepare(call: ProviderCall): PreparedCall | FailedEnd;
  /** Adds the credential. It comes last, since a signature covers the whole request. */
  sign(request: OutgoingRequest): Promise<OutgoingRequest | FailedEnd>;
  /** Tells a stream from an answer in one piece. */
  shapeOf(body: ByteSource, contentType: string | undefined): Promise<ShapedBody>;
  /** Says what an answer with a status of 300 or more means. */
  readError(response: ErrorResponse): FailedEnd;
  readonly probe: ProbeRequests;
}

/** A call as it goes out, and how its answer is read. */
export interface PreparedCall {
  /** The path below the base URL. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Reads an answer that comes as a stream; without it, the answer can only come in one piece. */
  readonly reader?: AnswerReader;
  /** Reads an answer that comes in one piece. */
  readonly readWhole: (bytes: Buffer, contentType: string | undefined) => WholeAnswer;
  /** The body asks for one piece, so that only the answer's end tells what was generated. */
  readonly isUnstreamed?: true;
  /** Says what an error response means to this call, where that is more than its status says. */
  readonly onError?: (end: FailedEnd) => FailedEnd;
}

/** An answer that came in one piece, with what it counts whatever its end is. */
export type WholeAnswer = {
  readonly outputBytes: number;
  readonly usage: ReportedUsage | undefined;
} & (
  | { readonly kind: "failed"; readonly failure: FailedEnd }
  /** The caller's answer, JSON in UTF-8. */
  | { readonly kind: "body"; readonly body: Buffer }
  /** The answer came as the chunks of a stream, and its reader takes them. */
  | { readonly kind: "stream"; readonly events: string }
  /** The whole answer as its reader takes it. `usage` stands, whatever the reader finds. */
  | { readonly kind: "retold"; readonly events: string }
);

export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The body, parsed if it is JSON, else its text. */
  readonly body: unknown;
}

/** The GET requests that tell whether an upstream is well. */
interface ProbeRequests {
  /** A health check, asked without the credential: a status of 200 to 299 means well. */
  readonly health: URL;
  /** A list that asks for the credential: any status below 500 means well. */
  readonly list: URL;
}
