import type { FastifyBaseLogger } from "fastify";
import { openDatabase, type Database } from "../../shared/db/database.ts";
import { createMetrics, type Metrics } from "../../shared/metrics/metrics.ts";
import { newId } from "../../shared/contracts/new-id.ts";
import { ProviderStates } from "../../shared/providers/provider-states.ts";
import type { EventLog } from "../../shared/events/event-log.ts";
import { RedisEventLog } from "../../shared/events/redis-event-log.ts";
import type { AcceptedQueue } from "../../shared/jobs/accepted-queue.ts";
import type { FairOrder } from "../../shared/queue/fair-order.ts";
import { RedisFairOrder } from "../../shared/queue/redis-fair-order.ts";
import type { ReplySender } from "../../shared/replies/reply-path.ts";
import { openProviderQueues, type ProviderQueues } from "../../shared/queue/provider-queues.ts";
import type { QueueBackend } from "../../shared/queue/queue-backend.ts";
import { redisQueueBackend } from "../../shared/queue/redis-queue-backend.ts";
import { checkRedis } from "../../shared/redis/check-redis.ts";
import { closeRedis } from "../../shared/redis/close-redis.ts";
import { openRedis } from "../../shared/redis/open-redis.ts";
import { connectionLog } from "./connection-log.ts";
import type { ProcessOptions } from "./process-options.ts";
import { openAcceptedJobs } from "./accepted-jobs.ts";
import { fleetReplyPath, type ReplyPath } from "./reply-path.ts";

/** What an API or a worker process of a fleet is composed of, before its own part. */
export interface FleetParts {
  /** This process's name in the fleet. */
  readonly id: string;
  readonly database: Database;
  readonly backend: QueueBackend;
  readonly queues: ProviderQueues;
  readonly providerStates: ProviderStates;
  readonly path: ReplyPath;
  readonly order: FairOrder;
  readonly accepted: AcceptedQueue;
  readonly events: EventLog;
  /** Tells of any job. */
  readonly reply: ReplySender;
  readonly metrics: Metrics;
  readonly log: FastifyBaseLogger;
  /** After the process's own part has stopped. */
  close(): Promise<void>;
}

const POOL_CONNECTIONS = 12;
/** For callers' answers that are on their way when a worker stops. */
const DRAIN_MS = 5_000;

/** Opens them. Rejects when Redis cannot be used; the database must be migrated. */
export async function openFleetParts(
  kind: "api" | "worker",
  options: ProcessOptions,
): Promise<FleetParts> {
  const { config, redisUrl, redisPrefix } = options;
  const id = newId(kind);
  const log = options.log.child({ process: id });
  const problem = connectionLog(log);
  const resources = new AsyncDisposableStack();
  try {
    const database = openDatabase({
      connectionString: options.databaseUrl,
      maxConnections: POOL_CONNECTIONS,
      applicationName: `spillway-${kind}`,
      onIdleError: problem("a database connection was lost"),
    });
    resources.defer(() => database.close());
    const onError = problem("Redis reports");
    const redis = openRedis({ url: redisUrl, role: "producer", onError });
    resources.defer(() => closeRedis(redis));
    await checkRedis(redis);
    const backend = redisQueueBackend({ url: redisUrl, prefix: redisPrefix, onError });
    resources.defer(() => backend.close());
    await backend.prepare();
    const queues = openProviderQueues(backend, config.providers.keys());
    resources.defer(() => queues.close());
    const path = fleetReplyPath({ redis, redisUrl, redisPrefix, id, database, onError });
    resources.defer(() => path.close(DRAIN_MS));
    const order = new RedisFairOrder(redis, redisPrefix);
    const { accepted, events, reply } = openAcceptedJobs({
      pool: database.pool,
      queues,
      order,
      owned: path.sender,
      events: new RedisEventLog({ redis, redisUrl, redisPrefix, onError }),
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
      id,
      database,
      backend,
      queues,
      providerStates,
      path,
      order,
      accepted,
      events,
      reply,
      metrics,
      log,
      close: () => resources.disposeAsync(),
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
