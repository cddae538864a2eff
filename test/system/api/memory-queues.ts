import type { Entry, InteractiveEntry } from "../../../shared/contracts/entry.ts";
import type { ProviderQueues } from "../../../shared/queue/provider-queues.ts";

export interface WaitingEntry {
  readonly entry: InteractiveEntry;
  readonly priority: number;
  readonly delayMs: number;
}

/**
 * The queues are in memory, lowest priority number first; they record delays and do not wait for
 * them.
 */
export class MemoryQueues implements ProviderQueues {
  readonly #waiting = new Map<string, WaitingEntry[]>();
  readonly #takers = new Map<string, ((taken: WaitingEntry) => void)[]>();
  readonly #watchers: (() => void)[] = [];
  /** While this is set, `add` fails with it. */
  failure: Error | undefined;

  waiting(provider: string): readonly WaitingEntry[] {
    return this.#of(provider);
  }

  /** Resolves when this many entries wait at a provider. */
  async untilWaiting(provider: string, count: number): Promise<void> {
    while (this.#of(provider).length !== count)
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  /** Waits for an entry when the queue is empty. */
  take(provider: string): Promise<WaitingEntry> {
    const next = this.#of(provider).shift();
    if (next !== undefined) return Promise.resolve(next);
    return new Promise((resolve) => {
      this.#takers.set(provider, [...(this.#takers.get(provider) ?? []), resolve]);
    });
  }

  async add(
    provider: string,
    entry: Entry,
    order: { priority: number; delayMs: number },
  ): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (await this.has(provider, entry.job, entry.place)) return;
    // Every real queue sends an entry through JSON.
    const added = { entry: JSON.parse(JSON.stringify(entry)) as InteractiveEntry, ...order };
    const taker = this.#takers.get(provider)?.shift();
    if (taker !== undefined) {
      taker(added);
      return;
    }
    const queue = this.#of(provider);
    queue.push(added);
    queue.sort((a, b) => a.priority - b.priority);
    this.#changed();
  }

  has(provider: string, job: string, place: number): Promise<boolean> {
    const found = this.#of(provider).some((at) => at.entry.job === job && at.entry.place === place);
    return Promise.resolve(found);
  }

  remove(provider: string, job: string, place: number): Promise<void> {
    const queue = this.#of(provider);
    const at = queue.findIndex(({ entry }) => entry.job === job && entry.place === place);
    if (at !== -1) queue.splice(at, 1);
    this.#changed();
    return Promise.resolve();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #changed(): void {
    for (const wake of this.#watchers.splice(0)) wake();
  }

  #of(provider: string): WaitingEntry[] {
    const queue = this.#waiting.get(provider) ?? [];
    this.#waiting.set(provider, queue);
    return queue;
  }
}
