import type { Config } from "../../config/config.ts";
import type { Database } from "../../shared/db/database.ts";
import type { EventLog } from "../../shared/events/event-log.ts";
import { PostgresEventLog } from "../../shared/events/postgres-event-log.ts";
import { RedisEventLog } from "../../shared/events/redis-event-log.ts";
import type { FairOrder } from "../../shared/queue/fair-order.ts";
import { LocalFairOrder } from "../../shared/queue/local-fair-order.ts";
import { openQueueBackend } from "../../shared/queue/open-queue-backend.ts";
import { openProviderQueues, type ProviderQueues } from "../../shared/queue/provider-queues.ts";
import type { QueueBackend } from "../../shared/queue/queue-backend.ts";
import { RedisFairOrder } from "../../shared/queue/redis-fair-order.ts";
import { redisQueueBackend } from "../../shared/queue/redis-queue-backend.ts";
import { checkRedis } from "../../shared/redis/check-redis.ts";
import { closeRedis, openRedis } from "../../shared/redis/open-redis.ts";
import type { connectionLog } from "./connection-log.ts";
import { fleetReplyPath, localReplyPath, type ReplyPath } from "./reply-path.ts";

/** The parts by which jobs move between processes. Only the database says where jobs are. */
export interface Motion {
  readonly backend: QueueBackend;
  readonly queues: ProviderQueues;
  readonly path: ReplyPath;
  readonly order: FairOrder;
  readonly events: EventLog;
}

export interface MotionOptions {
  readonly config: Config;
  readonly database: Database;
  /** Logs a connection's error after the given words. */
  readonly problem: ReturnType<typeof connectionLog>;
  /** Everything that is opened is closed with these. */
  readonly resources: AsyncDisposableStack;
}

/** Callers' answers that are on their way when a worker stops have this time. */
const DRAIN_MS = 5_000;

/**
 * Opens the motion of an all-in-one process. All of it is inside the process, except the queues.
 */
export async function localMotion(
  options: MotionOptions & {
    readonly directUrl: string;
    readonly redisUrl: string | undefined;
    readonly redisPrefix: string;
  },
): Promise<Motion> {
  const { config, database, problem } = options;
  const backend = openQueueBackend({
    redisUrl: options.redisUrl,
    redisPrefix: options.redisPrefix,
    databaseUrl: options.directUrl,
    providers: config.providers.size,
    onError: problem("the queue reports"),
  });
  return {
    backend,
    queues: await openQueues(backend, options),
    path: localReplyPath(),
    order: new LocalFairOrder(),
    events: new PostgresEventLog(database.pool, problem("the event log reports")),
  };
}

/** Opens the motion of one process of a fleet, all of it on Redis. */
export async function fleetMotion(
  options: MotionOptions & {
    /** This process's name in the fleet. */
    readonly id: string;
    readonly redisUrl: string;
    readonly redisPrefix: string;
  },
): Promise<Motion> {
  const { id, redisUrl, redisPrefix, database, problem, resources } = options;
  const onError = problem("Redis reports");
  const redis = openRedis({ url: redisUrl, role: "producer", onError });
  resources.defer(() => closeRedis(redis));
  await checkRedis(redis);
  const backend = redisQueueBackend({ url: redisUrl, prefix: redisPrefix, onError });
  const queues = await openQueues(backend, options);
  const path = fleetReplyPath({ redis, redisUrl, redisPrefix, id, database, onError });
  resources.defer(() => path.close(DRAIN_MS));
  return {
    backend,
    queues,
    path,
    order: new RedisFairOrder(redis, redisPrefix),
    events: new RedisEventLog({ redis, redisUrl, redisPrefix, onError }),
  };
}

async function openQueues(
  backend: QueueBackend,
  { config, resources }: MotionOptions,
): Promise<ProviderQueues> {
  resources.defer(() => backend.close());
  await backend.prepare();
  const queues = openProviderQueues(backend, config.providers.keys());
  resources.defer(() => queues.close());
  return queues;
}
