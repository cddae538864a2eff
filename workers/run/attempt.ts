import type { Entry } from "../../shared/contracts/entry.ts";
import type { PlannedTarget } from "../../shared/contracts/plan.ts";
import type { AttemptFacts } from "../../shared/contracts/reply.ts";
import type { ClaimedJob } from "../../shared/db/claim.ts";
import type { AttemptReply } from "../../shared/reply/reply-path.ts";
import type { AttemptAbort } from "./attempt-aborts.ts";

/** One claimed job on its way through a provider. */
export interface Attempt {
  readonly entry: Entry;
  readonly job: ClaimedJob;
  readonly target: PlannedTarget;
  readonly facts: AttemptFacts;
  readonly abort: AttemptAbort;
  /** To the job's owner. */
  readonly reply: AttemptReply;
  /** `performance.now()` at the claim. */
  readonly startedAt: number;
  /** Bytes have gone to the caller: no other attempt may follow. */
  forwarded: boolean;
}
