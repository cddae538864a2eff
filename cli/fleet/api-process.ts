import { OwnedJobs } from "../../api/inference/owned-jobs.ts";
import { startApi, type RunningApi } from "../../api/main.ts";
import { openRedis } from "../../shared/redis/open-redis.ts";
import { closeRedis } from "../../shared/redis/close-redis.ts";
import { RedisFairOrder } from "../../shared/queue/redis-fair-order.ts";
import { connectionLog } from "../serve/connection-log.ts";
import { openFleetParts } from "./fleet-parts.ts";
import type { ProcessOptions } from "./process-options.ts";

export interface ApiProcessOptions extends ProcessOptions {
  readonly adminKey: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/** Starts one API process of a fleet. Rejects when the address is taken or Redis cannot be used. */
export async function startApiProcess(options: ApiProcessOptions): Promise<RunningApi> {
  const parts = await openFleetParts("api", options);
  const { id, database, queues, board, path, metrics, log } = parts;
  const order = openRedis({
    url: options.redisUrl,
    role: "producer",
    onError: connectionLog(log)("Redis reports"),
  });
  try {
    const api = await startApi({
      id,
      inFleet: true,
      config: options.config,
      database,
      directUrl: options.directUrl,
      queues,
      board,
      metrics,
      log,
      jobs: new OwnedJobs(),
      order: new RedisFairOrder(order, options.redisPrefix),
      replies: path.receiver,
      reply: path.sender,
      stops: path.stops,
      readSince: () => path.readSince(),
      adminKey: options.adminKey,
      host: options.host,
      port: options.port,
    });
    let closing: Promise<void> | undefined;
    return {
      ...api,
      async stop(graceMs) {
        await api.stop(graceMs);
        await (closing ??= Promise.all([parts.close(), closeRedis(order)]).then(() => undefined));
      },
    };
  } catch (error) {
    await closeRedis(order);
    await parts.close();
    throw error;
  }
}
