import { once } from "node:events";
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import type { Entry } from "../contracts/entry.ts";
import { entryOptions, workerOptions, type QueueBackend } from "./queue-backend.ts";
import { takeOrPutBack } from "./take-or-put-back.ts";

export interface RedisQueueBackendOptions {
  readonly url: string;
  readonly onError: (error: Error) => void;
}

/** BullMQ on Redis, for any number of API and worker processes. Producers fail fast, workers wait. */
export function redisQueueBackend(options: RedisQueueBackendOptions): QueueBackend {
  const producer = new Redis(options.url, { maxRetriesPerRequest: 1, enableOfflineQueue: false });
  const consumer = new Redis(options.url, { maxRetriesPerRequest: null });
  for (const client of [producer, consumer]) {
    client.on("error", options.onError);
    client.setMaxListeners(0); // each queue and worker adds its own
  }
  return {
    async prepare() {
      // Later it waits for a Redis that is away; at the start that is more likely a wrong address.
      if (consumer.status !== "ready") await once(consumer, "ready");
    },
    openQueue(name) {
      const queue = new Queue(name, {
        connection: producer,
        prefix: keyPrefix(name),
        defaultJobOptions: entryOptions,
      });
      queue.on("error", options.onError);
      return queue;
    },
    openWorker(name, take, concurrency) {
      const worker = new Worker<Entry, void>(
        name,
        (job, token) => takeOrPutBack(take, job, token),
        {
          connection: consumer,
          prefix: keyPrefix(name),
          ...workerOptions,
          concurrency,
        },
      );
      worker.on("error", options.onError);
      return worker;
    },
    async close() {
      await Promise.all([hangUp(producer), hangUp(consumer)]);
    },
  };
}

/** A client that has no connection would wait for one to say goodbye. */
async function hangUp(client: Redis): Promise<void> {
  if (client.status === "ready") await client.quit();
  else client.disconnect();
}

/** The hash tag keeps all keys of one queue in one slot of Redis Cluster. */
function keyPrefix(name: string): string {
  return `{spillway:${name}}`;
}
