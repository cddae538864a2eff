import { Redis, type RedisOptions } from "ioredis";

/**
 * - `producer`: an API sends commands while a caller waits, so a command fails rather than waits for a
 *   lost server.
 * - `consumer`: a worker has nothing else to do, so it waits until the server is back.
 */
export type RedisRole = "producer" | "consumer";

export interface OpenRedisOptions {
  /** The URL is `redis://`, or `rediss://` with TLS, and holds user and password. */
  readonly url: string;
  readonly role: RedisRole;
  readonly onError: (error: Error) => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 3_000;
const MAX_RETRY_MS = 1_000;

/** A connection that is silent for `socketTimeout` while an answer is due is half open. */
const roles: Readonly<Record<RedisRole, RedisOptions>> = {
  producer: {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: 5_000,
  },
  // The timeout is longer than the longest blocking read.
  consumer: { maxRetriesPerRequest: null, socketTimeout: 12_000 },
};

/** Opens a connection that reconnects by itself, also after a failover. */
export function openRedis({ url, role, onError }: OpenRedisOptions): Redis {
  const client = new Redis(url, {
    ...roles[role],
    replyMapping: "legacy",
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (tries) => Math.min(25 * 2 ** Math.min(tries, 6), MAX_RETRY_MS),
    // The old primary answers so after a failover, and the address may lead to the new one now.
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
  });
  client.on("error", onError);
  client.setMaxListeners(0); // each queue and worker adds a listener
  return client;
}

/** Sends QUIT only on a live connection, since a lost one would wait until it is back. */
export async function closeRedis(client: Redis): Promise<void> {
  if (client.status === "ready") await client.quit().catch(() => undefined);
  client.disconnect();
}
