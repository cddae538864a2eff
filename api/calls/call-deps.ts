import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../../config/config.ts";
import type { Database } from "../../shared/db/database.ts";
import type { EgressPolicy } from "../../shared/egress/egress-policy.ts";
import type { EventLog } from "../../shared/events/event-log.ts";
import type { AcceptedQueue } from "../../shared/jobs/accepted-queue.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";
import type { FairOrder } from "../../shared/queue/fair-order.ts";
import type { ProviderQueues } from "../../shared/queue/provider-queues.ts";
import type { ReplyReceiver, ReplySender } from "../../shared/replies/reply-path.ts";
import type { StopRequests } from "../../shared/replies/stop-requests.ts";
import type { CompiledRoute } from "../../shared/routing/compiled-route.ts";
import type { CallTimings } from "./call-timings.ts";
import type { EndedWatchDeps } from "./ended-watch.ts";
import type { OwnedJobs } from "./owned-jobs.ts";
import type { QueueBacklog } from "./queue-backlog.ts";

/** Each process has one such object, with everything that answers calls and their jobs. */
export interface CallDeps {
  readonly server: Config["server"];
  /** The limit counts a request together with the files that it refers to. */
  readonly bodyLimitBytes: number;
  readonly routes: ReadonlyMap<string, CompiledRoute>;
  readonly egress: EgressPolicy;
  readonly random: () => number;
  readonly timings: CallTimings;
  readonly log: FastifyBaseLogger;
  readonly database: Pick<Database, "pool" | "accept" | "end">;
  readonly queues: ProviderQueues;
  readonly accepted: AcceptedQueue;
  readonly order: FairOrder;
  readonly backlog: QueueBacklog;
  readonly providerStates: ProviderStates;
  readonly replies: ReplyReceiver;
  /**
   * Reaches the owners of jobs that this process ends, and the followers of jobs without an owner.
   */
  readonly reply: Pick<ReplySender, "notify">;
  readonly stops: StopRequests;
  readonly events: EventLog;
  /** The jobs whose callers this process holds; a shutdown waits for them, then ends them. */
  readonly jobs: OwnedJobs;
  readonly findEnded: EndedWatchDeps["findEnded"];
  /** This API process's name in the fleet. */
  readonly owner: string;
}
