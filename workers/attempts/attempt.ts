import type { JobRequest } from "../../shared/contracts/job-request.ts";
import type { PlannedTarget } from "../../shared/contracts/plan.ts";
import type { AnswerHeaders } from "../../shared/contracts/reply.ts";
import type { ClaimedJob } from "../../shared/jobs/claim.ts";
import type { AttemptReply } from "../../shared/replies/reply-path.ts";
import type { AttemptAbort } from "./attempt-aborts.ts";

/** One claimed job on its way through a provider. */
export interface Attempt {
  readonly jobId: string;
  readonly place: number;
  readonly request: JobRequest;
  /** Its result is stored, and more than one reader may follow it. */
  readonly accepted: boolean;
  readonly job: ClaimedJob;
  readonly target: PlannedTarget;
  readonly answerHeaders: AnswerHeaders;
  readonly abort: AttemptAbort;
  /** To the job's owner, or its event log. */
  readonly reply: AttemptReply;
  /** `performance.now()` at the claim. */
  readonly startedAt: number;
  /** Bytes have gone to the caller of an interactive job: no other attempt may follow. */
  forwarded: boolean;
  /** Of an accepted job's stream: the texts of whole events that have gone to its log. */
  readonly events: string[];
}

/** Somebody waits on a connection for what becomes of it. */
export function hasCaller({ accepted, request }: Attempt): boolean {
  return !accepted || request.callerWaits === true;
}
