import type { JobRequest } from "../../shared/contracts/job-request.ts";
import type { PlannedTarget } from "../../shared/contracts/plan.ts";
import type { AnswerHeaders } from "../../shared/contracts/reply.ts";
import type { ClaimedJob } from "../../shared/jobs/claim.ts";
import type { AttemptReply } from "../../shared/replies/reply-path.ts";
import type { AttemptAbort } from "./attempt-aborts.ts";

/** One call of a claimed job. */
export interface Attempt {
  readonly jobId: string;
  readonly place: number;
  readonly request: JobRequest;
  /** True when the job's result is stored, and more than one reader may follow it. */
  readonly accepted: boolean;
  readonly job: ClaimedJob;
  readonly target: PlannedTarget;
  readonly answerHeaders: AnswerHeaders;
  readonly abort: AttemptAbort;
  /** Sends to the job's owner or to its event log. */
  readonly reply: AttemptReply;
  /** `performance.now()` at the claim. */
  readonly startedAt: number;
  /** True once bytes have gone to the caller of an interactive job: no other attempt may follow. */
  forwarded: boolean;
  /** These texts of whole events have gone to the log of an accepted job's stream. */
  readonly events: string[];
}

/** Tells whether a caller waits on a connection for the job's end. */
export function hasCaller({ accepted, request }: Attempt): boolean {
  return !accepted || request.callerWaits === true;
}
