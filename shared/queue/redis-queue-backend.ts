import { randomUUID } from "node:crypto";
import { Queue, Worker } from "bullmq";
import type { Redis } from "ioredis";
import type { Entry } from "../contracts/entry.ts";
import { checkRedis } from "../redis/check-redis.ts";
import { closeRedis, openRedis } from "../redis/open-redis.ts";
import { entryWorker } from "./entry-worker.ts";
import { entryOptions, workerOptions, type QueueBackend } from "./queue-backend.ts";
import { takeOrPutBack } from "./take-or-put-back.ts";

export interface RedisQueueBackendOptions {
  readonly url: string;
  /** The prefix of all keys. Installations that share a server have different prefixes. */
  readonly prefix: string;
  readonly onError: (error: Error) => void;
}

/**
 * Opens BullMQ on Redis, for any number of API and worker processes. Producers fail fast, and
 * workers wait.
 */
export function redisQueueBackend(options: RedisQueueBackendOptions): QueueBackend {
  const { prefix, onError } = options;
  const producer = openRedis({ ...options, role: "producer" });
  let consumer: Redis | undefined;
  return {
    prepare: () => checkRedis(producer),
    epoch: () => readEpoch(producer, `${prefix}:epoch`),
    openQueue(name) {
      const queue = new Queue(name, {
        connection: producer,
        prefix: queueKeyPrefix(prefix, name),
        defaultJobOptions: entryOptions,
        // BullMQ asks for the version once, and a queue whose question was lost would fail for
        // ever.
        skipVersionCheck: true,
        skipWaitingForReady: true,
      });
      queue.on("error", onError);
      return queue;
    },
    openWorker(name, take, concurrency) {
      const connection = (consumer ??= openRedis({ ...options, role: "consumer" }));
      const worker = new Worker<Entry, void>(
        name,
        (job, token) => takeOrPutBack(take, job, token),
        {
          connection,
          prefix: queueKeyPrefix(prefix, name),
          ...workerOptions,
          concurrency,
        },
      );
      worker.on("error", onError);
      return entryWorker(worker, () => connection.status === "ready");
    },
    async close() {
      const clients = consumer === undefined ? [producer] : [producer, consumer];
      await Promise.all(clients.map((client) => closeRedis(client)));
    },
  };
}

/**
 * Returns a value that changes whenever entries may have been lost: the key is lost with them, and
 * a server that was restarted or promoted has another run id.
 */
async function readEpoch(client: Redis, key: string): Promise<string> {
  await client.set(key, randomUUID(), "NX");
  const [made, server] = await Promise.all([client.get(key), client.info("server")]);
  return `${made ?? ""} ${/^run_id:(\S+)/m.exec(server)?.[1] ?? ""}`;
}

/** The hash tag keeps all keys of one queue in one slot of Redis Cluster. */
export function queueKeyPrefix(prefix: string, queue: string): string {
  return `{${prefix}:${queue}}`;
}
