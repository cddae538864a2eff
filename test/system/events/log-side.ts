import { createPool } from "../../../shared/db/pool.ts";
import type { EventLog } from "../../../shared/events/event-log.ts";
import { PostgresEventLog } from "../../../shared/events/postgres-event-log.ts";
import { RedisEventLog } from "../../../shared/events/redis-event-log.ts";
import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import { eventually } from "../../support/eventually.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

/** A store of logs that a test can cut off, and the logs of the processes that use it. */
export interface LogSide {
  readonly writer: EventLog;
  /** It belongs to another process if the store allows one. */
  readonly reader: EventLog;
  /** Errors that the logs have reported. */
  readonly errors: unknown[];
  /** The connection to the store. */
  readonly line: TcpProxy;
  close(): Promise<void>;
}

/** Opens the log as a process of a fleet does. */
export async function openRedisLog(
  redisUrl: string,
  redisPrefix: string,
  onError: (error: unknown) => void,
): Promise<{ readonly log: EventLog; close(): Promise<void> }> {
  const redis = openRedis({ url: redisUrl, role: "producer", onError });
  const log = new RedisEventLog({ redis, redisUrl, redisPrefix, onError });
  await eventually(() => redis.ping());
  return {
    log,
    async close() {
      await log.close();
      await closeRedis(redis);
    },
  };
}

/** Two processes of a fleet. */
export async function redisSide(): Promise<LogSide> {
  const redis = await startTestRedis();
  const { hostname, port } = new URL(redis.url);
  const proxy = await startTcpProxy(hostname, Number(port));
  const errors: unknown[] = [];
  const open = () =>
    openRedisLog(proxy.through(redis.url), "test", (error) => void errors.push(error));
  const [writer, reader] = [await open(), await open()];
  return {
    writer: writer.log,
    reader: reader.log,
    errors,
    line: proxy,
    async close() {
      proxy.fault = "none";
      await Promise.all([writer.close(), reader.close()]);
      await proxy.close();
      await redis.stop();
    },
  };
}

/** An all-in-one process. */
export async function postgresSide(): Promise<LogSide> {
  const database = await createTestDatabase();
  const { hostname, port } = new URL(database.url);
  const proxy = await startTcpProxy(hostname, Number(port));
  const errors: unknown[] = [];
  const pool = createPool({
    connectionString: proxy.through(database.url),
    maxConnections: 4,
    applicationName: "test",
    onIdleError: () => undefined,
  });
  const log = new PostgresEventLog(pool, (error) => void errors.push(error));
  return {
    writer: log,
    reader: log,
    errors,
    line: proxy,
    async close() {
      proxy.fault = "none";
      await log.close();
      await pool.end();
      await proxy.close();
      await database.drop();
    },
  };
}
