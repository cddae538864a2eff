import { postgresQueueBackend } from "./postgres-queue-backend.ts";
import type { QueueBackend } from "./queue-backend.ts";
import { redisQueueBackend } from "./redis-queue-backend.ts";

export interface OpenQueueBackendOptions {
  readonly redisUrl: string | undefined;
  /** The prefix of all Redis keys. */
  readonly redisPrefix: string;
  readonly databaseUrl: string;
  readonly providers: number;
  readonly onError: (error: Error) => void;
}

/**
 * Opens the queue backend: Redis when it is configured, else PostgreSQL. The backend is chosen
 * nowhere else.
 */
export function openQueueBackend(options: OpenQueueBackendOptions): QueueBackend {
  const { redisUrl, redisPrefix, databaseUrl, providers, onError } = options;
  return redisUrl === undefined
    ? postgresQueueBackend({
        connectionString: databaseUrl,
        maxConnections: providers + 10,
        onError,
      })
    : redisQueueBackend({ url: redisUrl, prefix: redisPrefix, onError });
}
