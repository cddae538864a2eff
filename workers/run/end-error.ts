import type { EndState, ReplyError } from "../../shared/contracts/reply.ts";

const cancelled: ReplyError = { code: "cancelled", message: "The request was cancelled." };
const expired: ReplyError = {
  code: "deadline_exceeded",
  message: "The deadline passed before the answer was complete.",
};
const lost: ReplyError = {
  code: "answer_lost",
  message:
    "The broker lost this request's answer. It may have run; sending it again may cost again.",
};
const spent: ReplyError = {
  code: "insufficient_quota",
  message: "The budget does not cover the next attempt, and the one before has failed.",
};

/** What a caller is told when a statement, not an upstream, ended the job. */
export function endError(
  state: EndState | "waiting" | "running" | null,
  code?: string,
): ReplyError {
  if (code === "insufficient_quota") return spent;
  if (state === "expired") return expired;
  return state === "cancelled" ? cancelled : lost;
}
