import { setTimeout as sleep } from "node:timers/promises";
import type { Database } from "../../shared/db/database.ts";
import { BrokerError } from "../../shared/errors/broker-error.ts";
import { isProgramError } from "../../shared/errors/is-program-error.ts";
import type { ReplyReceiver } from "../../shared/reply/reply-path.ts";
import { isOutOfMemory } from "../../shared/redis/is-out-of-memory.ts";
import type { JobTerms } from "../../shared/inference/job-terms.ts";
import { JobRun, type JobRunDeps } from "./job-run.ts";
import { queueIsFull } from "./queue-is-full.ts";
import { QueuePlace, type QueuePlaceDeps } from "./queue-place.ts";
import { acceptMember, submitAccept } from "../../shared/inference/submit-accept.ts";

/** How long an accepted job is offered to a queue that does not take it, before its caller hears. */
const PATIENCE_MS = 2_000;
/** A lost connection to Redis is made anew within as much. */
const PAUSE_MS = 50;

export interface AdmitDeps extends JobRunDeps, QueuePlaceDeps {
  readonly database: Pick<Database, "accept" | "end">;
  readonly replies: ReplyReceiver;
  /** Name of this API process in the fleet. */
  readonly owner: string;
}

export interface Admission extends JobTerms {
  readonly syncWaitMs: number | undefined;
  /** Aborted when the caller goes away. */
  readonly gone: AbortSignal;
}

/**
 * Admits an interactive job with its hold and puts it into its first queue. The inbox is open before
 * either, so that no answer comes too early. Throws `BrokerError` `insufficient_quota`,
 * `invalid_api_key` or `unavailable`, or `rate_limit_exceeded` with a full queue; then nothing is held.
 */
export async function admitJob(deps: AdmitDeps, admission: Admission): Promise<JobRun> {
  const { id, key, jobRequest, first, serviceClass } = admission;
  const target = admission.plan[first.target];
  if (target === undefined) throw new Error(`no target ${first.target} in the plan`);
  deps.backlog.check(Buffer.byteLength(jobRequest.body), target.provider);
  const place = new QueuePlace(deps, {
    entry: { v: 1, job: id, owner: deps.owner, ...jobRequest },
    serviceClass,
    tenant: key.id,
    provider: target.provider,
  });
  const inbox = deps.replies.open(id);
  try {
    place.takeTurn();
    const member = acceptMember(admission, { interactive: true, owner: deps.owner });
    await submitAccept(deps.database.accept, member, admission.request.maxOutputTokens, () =>
      endUnqueued(deps, id, "accept_lost"),
    );
    await enterQueue(deps, place, { ...admission, provider: target.provider }).catch((error) => {
      endUnqueued(deps, id, "queue_unavailable");
      if (isProgramError(error)) throw error;
      if (isOutOfMemory(error)) throw queueIsFull({ cause: error });
      throw new BrokerError("unavailable", "The queue cannot be reached.", { cause: error });
    });
    return new JobRun(deps, { ...admission, inbox, place });
  } catch (error) {
    inbox.close();
    place.leave();
    throw error;
  }
}

/**
 * Adds the job's entry; one that is there already, because only the answer was lost, stays as it is.
 * Rejects with what the queue said last when patience or the job's time is over.
 */
async function enterQueue(
  deps: AdmitDeps,
  place: QueuePlace,
  { id, provider, deadlineMs }: { id: string; provider: string; deadlineMs: number },
): Promise<void> {
  const until = performance.now() + Math.min(PATIENCE_MS, deadlineMs);
  for (let tries = 1; ; tries++) {
    try {
      await place.enter(provider, 0, 0);
      return;
    } catch (error) {
      const isFinal = isProgramError(error) || isOutOfMemory(error);
      if (isFinal || performance.now() + PAUSE_MS > until) throw error;
      if (tries === 1)
        deps.log.warn({ err: error, job: id, provider }, "queue did not take an entry");
    }
    await sleep(PAUSE_MS);
  }
}

/** Ends a job that no queue has, behind the caller's back; should this fail, the sweeper does it. */
function endUnqueued(deps: AdmitDeps, job: string, code: string): void {
  deps.database.end.submit({ job, place: null, state: "failed", code }).catch((error: unknown) => {
    deps.log.error({ err: error, job, code }, "job could not be ended");
  });
}
