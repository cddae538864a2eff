import type { FairOrder } from "../queue/fair-order.ts";
import type { ProviderQueues } from "../queue/provider-queues.ts";

export interface AcceptedPlace {
  readonly job: string;
  readonly place: number;
  readonly provider: string;
  /** The number of the service class. */
  readonly serviceClass: number;
  /** The fair order gives tenants turns. */
  readonly tenant: string;
  readonly delayMs: number;
}

/**
 * Puts accepted jobs into provider queues. Every process may do so, because the requests are
 * stored. A sweeper finds a missing entry and adds it.
 */
export class AcceptedQueue {
  readonly #queues: ProviderQueues;
  readonly #order: FairOrder;

  constructor(queues: ProviderQueues, order: FairOrder) {
    this.#queues = queues;
    this.#order = order;
  }

  /** Adds an entry. Rejects when the queue does not take it. */
  async add({ job, place, provider, serviceClass, tenant, delayMs }: AcceptedPlace): Promise<void> {
    const priority = await this.#order.rank(provider, serviceClass, tenant);
    try {
      await this.#queues.add(
        provider,
        { v: 1, job, place, accepted: true, priority },
        { priority, delayMs },
      );
    } catch (error) {
      this.#order.left(provider, priority, false);
      throw error;
    }
  }

  /** Tells the fair order that a worker has taken an entry, even if the job cannot be run. */
  taken(provider: string, priority: number): void {
    this.#order.left(provider, priority, true);
  }
}
