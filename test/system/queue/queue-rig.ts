import type { Entry } from "../../../shared/contracts/entry.ts";
import { openProviderQueues, type ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import { postgresQueueBackend } from "../../../shared/queue/postgres-queue-backend.ts";
import type { QueueBackend } from "../../../shared/queue/queue-backend.ts";
import { redisQueueBackend } from "../../../shared/queue/redis-queue-backend.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";

/** The two queues have a database or a Redis of their own. */
export interface QueueRig {
  readonly backend: QueueBackend;
  readonly queues: ProviderQueues;
  /** Errors that the backend has reported. */
  readonly errors: Error[];
  close(): Promise<void>;
}

/** All backends keep the same promises, so each test runs on all of them. */
export const queueBackends = ["PostgreSQL", "Redis"] as const;

export async function startQueueRig(on: (typeof queueBackends)[number]): Promise<QueueRig> {
  const errors: Error[] = [];
  const onError = (error: Error): void => void errors.push(error);
  const { backend, remove } = await openers[on](onError);
  await backend.prepare();
  const queues = openProviderQueues(backend, ["gpu-a", "gpu-b"]);
  return {
    backend,
    queues,
    errors,
    async close() {
      await queues.close();
      await backend.close();
      await remove();
    },
  };
}

interface Opened {
  readonly backend: QueueBackend;
  readonly remove: () => Promise<void>;
}

const openers = {
  async PostgreSQL(onError: (error: Error) => void): Promise<Opened> {
    const { url: connectionString, drop } = await createTestDatabase();
    const backend = postgresQueueBackend({ connectionString, maxConnections: 10, onError });
    return { backend, remove: drop };
  },
  async Redis(onError: (error: Error) => void): Promise<Opened> {
    const redis = await startTestRedis();
    const backend = redisQueueBackend({ url: redis.url, prefix: "test", onError });
    return { backend, remove: () => redis.stop() };
  },
};

/** The entry is of an interactive chat job. */
export function queueEntry(job: string, other: Partial<Entry> = {}): Entry {
  return {
    v: 1,
    job,
    place: 0,
    owner: "api",
    endpoint: "chat.completions",
    stream: false,
    wantsUsage: false,
    choices: 1,
    maxOutputTokens: 1,
    body: "{}",
    ...other,
  };
}

/** Records taken entries, which run until released. */
export class TakenEntries {
  readonly entries: Entry[] = [];
  readonly #release = new Map<string, () => void>();
  running = 0;
  highest = 0;

  /** A worker with this function runs each entry until `release`. */
  readonly hold = async (entry: Entry): Promise<"taken"> => {
    this.entries.push(entry);
    this.highest = Math.max(this.highest, ++this.running);
    await new Promise<void>((resolve) => this.#release.set(entry.job, resolve));
    return "taken";
  };

  /** A worker with this function ends every entry at once. */
  readonly pass = (entry: Entry): Promise<"taken"> => {
    this.entries.push(entry);
    return Promise.resolve("taken");
  };

  get jobs(): string[] {
    return this.entries.map(({ job }) => job);
  }

  /** Ends one entry, which no longer counts as running when this returns. */
  release(job: string): void {
    const resolve = this.#release.get(job);
    if (resolve === undefined) return;
    this.#release.delete(job);
    this.running--;
    resolve();
  }

  releaseAll(): void {
    for (const job of this.#release.keys()) this.release(job);
  }
}
