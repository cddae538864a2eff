import type { FastifyBaseLogger } from "fastify";
import { newId } from "../../shared/contracts/new-id.ts";
import { hasWork } from "../../shared/db/has-work.ts";
import { Activity } from "../../shared/timing/activity.ts";
import type { ProviderQueues } from "../../shared/queue/provider-queues.ts";
import { openDatabase, type Database } from "../../shared/db/database.ts";
import type { EventLog } from "../../shared/events/event-log.ts";
import type { AcceptedQueue } from "../../shared/jobs/accepted-queue.ts";
import { createMetrics, type Metrics } from "../../shared/metrics/metrics.ts";
import { ProviderStates } from "../../shared/providers/provider-states.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { openAcceptedJobs } from "./accepted-jobs.ts";
import { connectionLog } from "./connection-log.ts";
import { fleetMotion, localMotion, type Motion, type MotionOptions } from "./motion.ts";
import type { ProcessOptions } from "./process-options.ts";

/** The parts of a process that are opened before its API or worker. */
export interface Parts extends Motion {
  readonly database: Database;
  readonly providerStates: ProviderStates;
  readonly accepted: AcceptedQueue;
  readonly events: EventLog;
  /** Reaches the owner of any job. */
  readonly reply: ReplySender;
  readonly metrics: Metrics;
  readonly activity: Activity;
  readonly log: FastifyBaseLogger;
  /** Closes the parts, after the API or worker has stopped. */
  close(): Promise<void>;
}

export interface FleetParts extends Parts {
  /** This process's name in the fleet. */
  readonly id: string;
}

/** For an all-in-one process, `redisUrl` may be missing: then its queues are in PostgreSQL. */
export type LocalOptions = Omit<ProcessOptions, "redisUrl"> & {
  readonly redisUrl: string | undefined;
};

const POOL_CONNECTIONS = 12;

/**
 * Opens the parts of a process of a fleet, on a migrated database. Rejects when Redis cannot be
 * used.
 */
export async function openFleetParts(
  kind: "api" | "worker",
  options: ProcessOptions,
): Promise<FleetParts> {
  const id = newId(kind);
  const log = options.log.child({ process: id });
  const parts = await openParts(`spillway-${kind}`, { ...options, log }, (motion) =>
    fleetMotion({ ...options, ...motion, id }),
  );
  return { ...parts, id };
}

/** Opens the parts of an all-in-one process. The database must be migrated. */
export function openLocalParts(options: LocalOptions): Promise<Parts> {
  return openParts("spillway", options, (motion) => localMotion({ ...options, ...motion }));
}

/**
 * The part that is opened first is closed last: jobs that end during the close still find the
 * database.
 */
async function openParts(
  applicationName: string,
  options: LocalOptions,
  openMotion: (options: MotionOptions) => Promise<Motion>,
): Promise<Parts> {
  const { config, log } = options;
  const problem = connectionLog(log);
  const resources = new AsyncDisposableStack();
  try {
    const database = openDatabase({
      connectionString: options.databaseUrl,
      maxConnections: POOL_CONNECTIONS,
      applicationName,
      onIdleError: problem("a database connection was lost"),
    });
    resources.defer(() => database.close());
    const opened = await openMotion({ config, database, problem, resources });
    const activity = new Activity(() => hasWork(database.pool));
    const motion = { ...opened, queues: signallingQueues(opened.queues, activity) };
    const { accepted, events, reply } = openAcceptedJobs({
      pool: database.pool,
      queues: motion.queues,
      order: motion.order,
      owned: motion.path.sender,
      events: motion.events,
      onError: problem("an accepted job was not queued yet"),
    });
    resources.defer(() => events.close());
    const providerStates = new ProviderStates(config.providers.values());
    const metrics = createMetrics({
      pool: database.pool,
      providerStates,
      unhandledErrors: options.unhandledErrors,
    });
    return {
      ...motion,
      database,
      providerStates,
      accepted,
      events,
      reply,
      metrics,
      activity,
      log,
      close: () => resources.disposeAsync(),
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}

/** Returns queues in which each added entry makes the process's loops run. */
function signallingQueues(queues: ProviderQueues, activity: Activity): ProviderQueues {
  return {
    ...queues,
    add(provider, entry, order) {
      activity.signal();
      return queues.add(provider, entry, order);
    },
  };
}
