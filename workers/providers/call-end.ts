import type { FailureReason } from "../../shared/contracts/failure-reason.ts";
import type { ProviderOutcome } from "../../shared/contracts/outcome.ts";

type WithoutTraffic<Outcome> = Outcome extends unknown
  ? Omit<Outcome, "sent" | "gotHeaders" | "outputBytes" | "usage" | "ttftMs">
  : never;

/** How a call ended, without the counts that are kept beside it. */
export type CallEnd = WithoutTraffic<ProviderOutcome>;
export type FailedEnd = Extract<CallEnd, { kind: "failed" }>;
export type AbortedEnd = Extract<CallEnd, { kind: "aborted" }>;

/** Unwinds a call that will not end well. The call catches it where it puts the outcome together. */
export class CallStopped extends Error {
  override readonly name = "CallStopped";
  readonly end: FailedEnd | AbortedEnd;

  constructor(end: FailedEnd | AbortedEnd) {
    super(end.kind === "failed" ? end.detail : "the call was aborted");
    this.end = end;
  }
}

/** A failure in our words: `detail` goes to logs and holds nothing that the upstream wrote. */
export function failed(reason: FailureReason, detail: string): FailedEnd {
  return { kind: "failed", reason, detail };
}
