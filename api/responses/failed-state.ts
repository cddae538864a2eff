import type { EndState } from "../../shared/contracts/reply.ts";
import type { BrokerError } from "../../shared/errors/broker-error.ts";
import type { ResponseState } from "../../shared/responses/response-object.ts";

/** Returns the state of a response whose job is not done. OpenAI's codes are a closed list. */
export function failedState(error: BrokerError, state: EndState): ResponseState {
  if (state === "cancelled") return { status: "cancelled" };
  const isRate = error.code === "rate_limit_exceeded";
  const code = isRate ? "rate_limit_exceeded" : "server_error";
  return { status: "failed", error: { code, message: error.message } };
}
