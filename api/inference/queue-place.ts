import type { Entry } from "../../shared/contracts/entry.ts";
import type { ProviderBoard } from "../../shared/providers/provider-board.ts";
import type { FairOrder } from "../../shared/queue/fair-order.ts";
import type { ProviderQueues } from "../../shared/queue/provider-queues.ts";

export interface QueuePlaceDeps {
  readonly queues: ProviderQueues;
  readonly board: ProviderBoard;
  readonly order: FairOrder;
}

export interface QueuePlaceOptions {
  readonly entry: Omit<Entry, "place">;
  readonly serviceClass: number;
  /** Whose turn it is in the fair order. */
  readonly tenant: string;
  /** The first provider; counted as placed there from now on. */
  readonly provider: string;
}

/** Where a job of this process waits or runs, and its share in the load and the fair order there. */
export class QueuePlace {
  readonly #deps: QueuePlaceDeps;
  readonly #options: QueuePlaceOptions;
  #provider: string;
  #place = 0;
  /** Set while an entry waits. */
  #priority: number | undefined;
  #started = false;
  #left = false;

  constructor(deps: QueuePlaceDeps, options: QueuePlaceOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#provider = options.provider;
    this.#count(1);
  }

  /** A worker's word about a place that the job has left, or runs at. */
  isStale(place: number): boolean {
    return place < this.#place || (place === this.#place && this.#started);
  }

  /** Adds the job's entry; at a new place, the old one is given up. Rejects if the queue does. */
  async enter(provider: string, place: number, delayMs: number): Promise<void> {
    const { entry, serviceClass, tenant } = this.#options;
    if (place !== this.#place || provider !== this.#provider) {
      this.#leaveLine(false);
      this.removeEntry();
      this.#count(-1);
      this.#provider = provider;
      this.#place = place;
      this.#started = false;
      this.#count(1);
    }
    this.#priority ??= this.#deps.order.rank(provider, serviceClass, tenant);
    const order = { priority: this.#priority, delayMs };
    await this.#deps.queues.add(provider, { ...entry, place }, order);
  }

  /** A worker has claimed the job here. */
  started(): void {
    this.#leaveLine(true);
    this.#started = true;
  }

  /** Takes a waiting entry out of the queue; if that fails, it is stale and harmless. */
  removeEntry(): void {
    if (this.#started) return;
    void this.#deps.queues
      .remove(this.#provider, this.#options.entry.job, this.#place)
      .catch(() => undefined);
  }

  /** The job has ended, or was not admitted. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#leaveLine(false);
    this.#count(-1);
  }

  #leaveLine(started: boolean): void {
    if (this.#priority === undefined) return;
    this.#deps.order.left(this.#provider, this.#priority, started);
    this.#priority = undefined;
  }

  #count(by: 1 | -1): void {
    const state = this.#deps.board.get(this.#provider);
    if (state !== undefined) state.placed += by;
  }
}
