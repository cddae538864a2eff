import type { Pool } from "pg";
import type { EventLog } from "../../shared/events/event-log.ts";
import { AcceptedQueue } from "../../shared/jobs/accepted-queue.ts";
import { findWaiting } from "../../shared/jobs/find-waiting.ts";
import type { FairOrder } from "../../shared/queue/fair-order.ts";
import type { ProviderQueues } from "../../shared/queue/provider-queues.ts";
import { AcceptedReplies } from "../../shared/replies/accepted-replies.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";

export interface AcceptedJobsOptions {
  readonly pool: Pick<Pool, "query">;
  readonly queues: ProviderQueues;
  readonly order: FairOrder;
  /** The path to the owners of interactive jobs. */
  readonly owned: ReplySender;
  readonly events: EventLog;
  readonly onError: (error: unknown) => void;
}

/** The parts for jobs that no process owns. */
export interface AcceptedJobs {
  readonly accepted: AcceptedQueue;
  readonly events: EventLog;
  /** Reaches the owner of any job. */
  readonly reply: ReplySender;
}

export function openAcceptedJobs(options: AcceptedJobsOptions): AcceptedJobs {
  const { pool, events, owned, onError } = options;
  const accepted = new AcceptedQueue(options.queues, options.order);
  const reply = new AcceptedReplies({
    owned,
    queue: accepted,
    events,
    findWaiting: (job) => findWaiting(pool, job),
    onError,
  });
  return { accepted, events, reply };
}
