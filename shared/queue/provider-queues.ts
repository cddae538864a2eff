import { entryId, type Entry } from "../contracts/entry.ts";
import type { EntryQueue, QueueBackend } from "./queue-backend.ts";

/** Adds, finds and removes entries of the provider queues. Each provider has one BullMQ queue. */
export interface ProviderQueues {
  /** Adds an entry. One that exists stays as it is. `delayMs` is the back-off. */
  add(provider: string, entry: Entry, order: { priority: number; delayMs: number }): Promise<void>;
  has(provider: string, job: string, place: number): Promise<boolean>;
  /** Removes an entry. This is best effort: a stale entry is harmless and only takes space. */
  remove(provider: string, job: string, place: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens one queue per provider on the given backend. */
export function openProviderQueues(
  backend: QueueBackend,
  providers: Iterable<string>,
): ProviderQueues {
  const queues = new Map<string, EntryQueue>();
  for (const provider of providers) queues.set(provider, backend.openQueue(provider));
  const find = (provider: string): EntryQueue => {
    const queue = queues.get(provider);
    if (queue === undefined) throw new Error(`no queue for provider ${provider}`);
    return queue;
  };
  return {
    async add(provider, entry, { priority, delayMs }) {
      await find(provider).add("endpoint" in entry ? entry.endpoint : "accepted", entry, {
        jobId: entryId(entry.job, entry.place),
        priority,
        ...(delayMs > 0 ? { delay: Math.ceil(delayMs) } : {}),
      });
    },
    async has(provider, job, place) {
      return (await find(provider).getJob(entryId(job, place))) !== undefined;
    },
    async remove(provider, job, place) {
      await find(provider).remove(entryId(job, place));
    },
    async close() {
      await Promise.all(Array.from(queues.values(), (queue) => queue.close()));
    },
  };
}
