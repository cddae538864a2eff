import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../config/config.ts";
import type { ClosedAttempt } from "../shared/contracts/closed-attempt.ts";
import type { Database } from "../shared/db/database.ts";
import type { AcceptedQueue } from "../shared/jobs/accepted-queue.ts";
import type { ProviderStates } from "../shared/providers/provider-states.ts";
import type { ProviderQueues } from "../shared/queue/provider-queues.ts";
import type { QueueBackend } from "../shared/queue/queue-backend.ts";
import type { ReplySender } from "../shared/replies/reply-path.ts";
import type { LocalStopRequests } from "../shared/replies/stop-requests.ts";
import type { Activity } from "../shared/timing/activity.ts";
import type { Cadences } from "../shared/timing/cadences.ts";

export interface WorkerDeps {
  /** This process's name in the fleet. */
  readonly id: string;
  /** True when other processes run beside this one, on Redis. */
  readonly inFleet: boolean;
  readonly config: Config;
  readonly database: Database;
  /** This URL bypasses any pooler: the lease session and its locks live on it. */
  readonly directUrl: string;
  readonly backend: QueueBackend;
  readonly queues: ProviderQueues;
  readonly reply: ReplySender;
  readonly accepted: AcceptedQueue;
  readonly stops: LocalStopRequests;
  readonly providerStates: ProviderStates;
  readonly log: FastifyBaseLogger;
  readonly onAttemptClosed: (attempt: ClosedAttempt) => void;
  /** Gets a signal for each entry that is taken or ended here. */
  readonly activity: Activity;
  readonly cadences?: Cadences | undefined;
}

/**
 * After this time the sweeper first checks that a new entry exists. It should be there long before.
 */
export const FIRST_CHECK_MS = 5_000;
