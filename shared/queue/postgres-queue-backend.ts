import { setTimeout as sleep } from "node:timers/promises";
import type { PoolClient } from "pg";
import {
  createPostgresBackend,
  Queue,
  runMigrations,
  Worker,
  type JobProgress,
  type PgPool,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
} from "bullmq";
import type { Entry } from "../contracts/entry.ts";
import { GuardedPool, type ConnectCallback } from "../postgres/guarded-pool.ts";
import { entryWorker } from "./entry-worker.ts";
import { entryOptions, workerOptions, type QueueBackend } from "./queue-backend.ts";
import { takeOrPutBack } from "./take-or-put-back.ts";

export interface PostgresQueueBackendOptions {
  readonly connectionString: string;
  /** Each worker keeps one connection for LISTEN, and all share the rest. */
  readonly maxConnections: number;
  readonly onError: (error: Error) => void;
}

/**
 * After this wait a worker asks for a new entry although none was announced. BullMQ notices when
 * the connection that receives the announcements is lost, and asks at once.
 */
const DRAIN_DELAY_S = 15;

/** BullMQ's default schema. A pool that is passed in cannot name another. */
const SCHEMA = "bullmq";

/**
 * Opens BullMQ on PostgreSQL, for one process that is API and worker at once. Only its pool runs
 * with `synchronous_commit=off`: entries are hints, and the sweeper finds the ones that a crash
 * lost.
 */
export function postgresQueueBackend(options: PostgresQueueBackendOptions): QueueBackend {
  const pool = new QueuePool(
    {
      connectionString: options.connectionString,
      max: options.maxConnections,
      application_name: "spillway-queue",
      options: `-c search_path=${SCHEMA} -c synchronous_commit=off`,
      keepAlive: true,
    },
    options.onError,
  );
  pool.setMaxListeners(0); // each queue and worker adds a listener
  const onError = (error: Error): void => {
    // A worker that closes gives its connection back late, and a stopping server may end it first.
    if (!pool.ending) options.onError(error);
  };
  // BullMQ asks for a pg.Pool, but declares other listener types for its clients.
  const connection = pool as unknown as PgPool;
  return {
    async prepare() {
      const client = await pool.connect();
      try {
        await runMigrations(client, SCHEMA);
      } finally {
        client.release();
      }
    },
    // Entries are in the same database as the jobs. The sweeper finds those that a crash lost.
    epoch: () => Promise.resolve(SCHEMA),
    openQueue(name) {
      const queue = new Queue(
        name,
        { connection, defaultJobOptions: entryOptions },
        createPostgresBackend,
      );
      queue.on("error", onError);
      return queue;
    },
    openWorker(name, take, concurrency) {
      const worker = new Worker<
        Entry,
        void,
        string,
        PostgresQueueBackend,
        JobProgress,
        PostgresConnectionOptions
      >(
        name,
        (job, token) => takeOrPutBack(take, job, token),
        { connection, ...workerOptions, drainDelay: DRAIN_DELAY_S, concurrency },
        createPostgresBackend,
      );
      worker.on("error", onError);
      return entryWorker(worker, () => true);
    },
    close: () => pool.end(),
  };
}

const ENDED_POOL_MS = 500;

/**
 * A pool that refuses late once it has ended. A BullMQ worker that still runs then asks again at
 * once after each refusal, which is in the same tick, and nothing else in the process would ever
 * run again (BullMQ 6.7.0, `Worker.mainLoop`).
 */
class QueuePool extends GuardedPool {
  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | void {
    if (callback === undefined)
      return this.ending
        ? sleep(ENDED_POOL_MS, undefined, { ref: false }).then(() => super.connect())
        : super.connect();
    if (this.ending) setTimeout(() => super.connect(callback), ENDED_POOL_MS).unref();
    else super.connect(callback);
  }
}
