import type { FairOrder } from "../queue/fair-order.ts";
import type { ProviderQueues } from "../queue/provider-queues.ts";

export interface AcceptedPlace {
  readonly job: string;
  readonly place: number;
  readonly provider: string;
  /** Number of the service class. */
  readonly serviceClass: number;
  /** Whose turn it is in the fair order. */
  readonly tenant: string;
  readonly delayMs: number;
}

/**
 * Puts accepted jobs into provider queues. Every process may, since their requests are stored. An
 * entry that was not added is found missing by a sweeper.
 */
export class AcceptedQueue {
  readonly #queues: ProviderQueues;
  readonly #order: FairOrder;

  constructor(queues: ProviderQueues, order: FairOrder) {
    this.#queues = queues;
    this.#order = order;
  }

  /** Rejects when the queue does not take it. */
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

  /** A worker has taken the entry, whether or not its job is there to be run. */
  taken(provider: string, priority: number): void {
    this.#order.left(provider, priority, true);
  }
}
