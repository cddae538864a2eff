import { isProgramError } from "../../shared/errors/error-kind.ts";
import { isOutOfMemory } from "../../shared/redis/check-redis.ts";
import { endJobQuietly } from "../../shared/jobs/end-job.ts";
import type { NewJob } from "../../shared/jobs/new-job.ts";
import type { CallDeps } from "./call-deps.ts";
import { JobRun, QUEUE_REFUSED } from "./job-run.ts";
import { offerAgain } from "./offer-again.ts";
import { queueIsFull } from "./queue-is-full.ts";
import { QueuePlace } from "./queue-place.ts";
import { acceptMember, submitAccept } from "../../shared/jobs/submit-accept.ts";

export interface Admission extends NewJob {
  readonly syncWaitMs: number | undefined;
  /** Aborted when the caller disconnects. */
  readonly disconnected: AbortSignal;
}

/**
 * Admits an interactive job with its hold and puts it into its first queue. The inbox is open before
 * either, so that no answer comes too early. A queue that cannot be reached is offered the entry again
 * while the run goes on. Throws `BrokerError` `insufficient_quota`, `invalid_api_key` or `unavailable`, or
 * `rate_limit_exceeded` with a full queue; then nothing is held.
 */
export async function admitJob(deps: CallDeps, admission: Admission): Promise<JobRun> {
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
      endJobQuietly(deps, id, "accept_lost"),
    );
    const isQueued = await place.enter(target.provider, 0, 0).then(
      () => true,
      (error: unknown) => {
        deps.log.warn({ err: error, job: id, provider: target.provider }, QUEUE_REFUSED);
        if (!isOutOfMemory(error) && !isProgramError(error)) return false;
        endJobQuietly(deps, id, "queue_unavailable");
        throw isOutOfMemory(error) ? queueIsFull({ cause: error }) : error;
      },
    );
    const run = new JobRun(deps, { ...admission, inbox, place });
    if (!isQueued) void offerAgain(deps.timings, { run, place, provider: target.provider });
    return run;
  } catch (error) {
    inbox.close();
    place.leave();
    throw error;
  }
}
