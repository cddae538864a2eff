import { failed, type FailedEnd } from "./call-stopped.ts";

/**
 * An error of the connection as a failure. Before the request was handed to a socket it is
 * `connect` (refused, unreachable, DNS, TLS, too slow); after, the upstream may have worked: `cut`.
 */
export function explainSocketError(error: Error, sent: boolean): FailedEnd {
  const code = codeOf(error);
  if (!sent) return failed("connect", `no connection: ${code}`);
  const garbled =
    (code.startsWith("HPE_") && code !== "HPE_INVALID_EOF_STATE") ||
    code === "UND_ERR_HEADERS_OVERFLOW";
  if (garbled) return failed("malformed", `not an HTTP answer: ${code}`);
  return failed("cut", `the connection broke: ${code}`);
}

function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  return error.name;
}
