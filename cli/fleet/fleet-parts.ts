import type { FastifyBaseLogger } from "fastify";
import type { Redis } from "ioredis";
import { openDatabase, type Database } from "../../shared/db/database.ts";
import { createMetrics, type Metrics } from "../../shared/metrics/metrics.ts";
import { newId } from "../../shared/contracts/new-id.ts";
import { ProviderBoard } from "../../shared/providers/provider-board.ts";
import { openProviderQueues, type ProviderQueues } from "../../shared/queue/provider-queues.ts";
import type { QueueBackend } from "../../shared/queue/queue-backend.ts";
import { redisQueueBackend } from "../../shared/queue/redis-queue-backend.ts";
import { checkRedis } from "../../shared/redis/check-redis.ts";
import { closeRedis } from "../../shared/redis/close-redis.ts";
import { openRedis } from "../../shared/redis/open-redis.ts";
import { connectionLog } from "../serve/connection-log.ts";
import type { ProcessOptions } from "./process-options.ts";
import { fleetReplyPath, type ReplyPath } from "./reply-path.ts";

/** What an API or a worker process of a fleet is composed of, before its own part. */
export interface FleetParts {
  /** This process's name in the fleet. */
  readonly id: string;
  readonly database: Database;
  readonly backend: QueueBackend;
  readonly queues: ProviderQueues;
  readonly board: ProviderBoard;
  readonly path: ReplyPath;
  /** Its commands fail rather than wait for a server that is away. */
  readonly redis: Redis;
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
  const trouble = connectionLog(log);
  const resources = new AsyncDisposableStack();
  try {
    const database = openDatabase({
      connectionString: options.databaseUrl,
      maxConnections: POOL_CONNECTIONS,
      applicationName: `spillway-${kind}`,
      onIdleError: trouble("a database connection was lost"),
    });
    resources.defer(() => database.close());
    const onError = trouble("Redis reports");
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
    const board = new ProviderBoard(config.providers.values());
    const metrics = createMetrics({ pool: database.pool, board });
    return {
      id,
      database,
      backend,
      queues,
      board,
      path,
      redis,
      metrics,
      log,
      close: () => resources.disposeAsync(),
    };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
