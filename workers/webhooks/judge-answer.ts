import { readRetryAfterMs } from "../../shared/egress/retry-after.ts";
import { nextPauseMs } from "./delivery-schedule.ts";

/** The consequence of an attempt for its delivery. */
export interface Judgement {
  readonly outcome: "delivered" | "failed";
  readonly error: string | null;
  /** Null when it is not tried again. */
  readonly retryMs: number | null;
  readonly gone: boolean;
}

/** Answers with these statuses may say when to come back. */
const PAUSING = new Set([429, 502, 503, 504]);

/**
 * Judges an answer after so many failures. Only 2xx is a success, a redirect is a failure, and 410
 * means that the receiver wants no more deliveries.
 */
export function judgeAnswer(
  answer: { readonly status: number; readonly retryAfter: string | undefined },
  { failures, now, random }: { failures: number; now: Date; random: () => number },
): Judgement {
  const { status } = answer;
  if (status >= 200 && status < 300)
    return { outcome: "delivered", error: null, retryMs: null, gone: false };
  if (status === 410) return { outcome: "failed", error: null, retryMs: null, gone: true };
  const retryAfterMs = PAUSING.has(status) ? (readRetryAfterMs(answer.retryAfter, now) ?? 0) : 0;
  return {
    outcome: "failed",
    error: status >= 300 && status < 400 ? "redirect_not_followed" : null,
    retryMs: nextPauseMs(failures + 1, random, retryAfterMs) ?? null,
    gone: false,
  };
}

/**
 * Judges a call without an answer. `reason` is a word and never a message, which could name an
 * address.
 */
export function judgeFailure(reason: string, failures: number, random: () => number): Judgement {
  return {
    outcome: "failed",
    error: reason,
    retryMs: nextPauseMs(failures + 1, random) ?? null,
    gone: false,
  };
}
