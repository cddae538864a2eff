import { errorCode } from "../../../shared/errors/error-kind.ts";
import { failed, type FailedEnd } from "../call-end.ts";

/**
 * Turns an error of the connection into a failure. Before the request was handed to a socket it is
 * `connect` (refused, unreachable, DNS, TLS, too slow). After that it is `cut`, since the upstream may
 * have worked.
 */
export function explainSocketError(error: Error, sent: boolean): FailedEnd {
  const code = errorCode(error);
  if (!sent) return failed("connect", `no connection: ${code}`);
  if (isGarbled(error)) return failed("malformed", `not an HTTP answer: ${code}`);
  return failed("cut", `the connection broke: ${code}`);
}

function isGarbled(error: Error): boolean {
  // The parser also fails on an answer that ends too early, but then it has no data to show.
  if (error.name === "HTTPParserError") return "data" in error && error.data !== "";
  return error.name === "HeadersOverflowError";
}
