import type { InteractiveEntry } from "../../shared/contracts/entry.ts";
import type { CallDeps } from "./call-deps.ts";

type QueuePlaceDeps = Pick<CallDeps, "queues" | "providerStates" | "order" | "backlog">;

export interface QueuePlaceOptions {
  readonly entry: Omit<InteractiveEntry, "place">;
  readonly serviceClass: number;
  /** The account that takes turns in the fair order. */
  readonly tenant: string;
  /** The first provider, whose load counts the job from now on. */
  readonly provider: string;
}

/**
 * The place where a job of this process waits or runs. It keeps the job's share in the provider's load
 * and in the fair order there.
 */
export class QueuePlace {
  readonly #deps: QueuePlaceDeps;
  readonly #options: QueuePlaceOptions;
  #provider: string;
  #place = 0;
  /** The turn of an entry that waits, or is about to. */
  #priority: number | Promise<number> | undefined;
  readonly #bytes: number;
  #started = false;
  #left = false;

  constructor(deps: QueuePlaceDeps, options: QueuePlaceOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#provider = options.provider;
    this.#bytes = Buffer.byteLength(options.entry.body);
    deps.backlog.add(this.#bytes, this.#provider);
    this.#count(1);
  }

  /** Asks for the job's turn, so that it is there when the entry is. */
  takeTurn(): void {
    const { serviceClass, tenant } = this.#options;
    const turn = this.#deps.order.rank(this.#provider, serviceClass, tenant);
    this.#priority ??= turn;
    // The failure is handled where the turn is awaited.
    if (turn instanceof Promise) turn.catch(() => undefined);
  }

  /** Tells whether a message is about a place that the job has left, or already runs at. */
  isStale(place: number): boolean {
    return place < this.#place || (place === this.#place && this.#started);
  }

  /** Adds the job's entry. A new place gives up the old one. Rejects if the queue does. */
  async enter(provider: string, place: number, delayMs: number): Promise<void> {
    const { entry } = this.#options;
    if (place !== this.#place || provider !== this.#provider) {
      this.#leaveLine(false);
      this.removeEntry();
      this.#count(-1);
      this.#deps.backlog.remove(this.#bytes, this.#provider);
      this.#deps.backlog.add(this.#bytes, provider);
      this.#provider = provider;
      this.#place = place;
      this.#started = false;
      this.#count(1);
    }
    if (this.#priority === undefined) this.takeTurn();
    const priority = await this.#turn();
    // While it waited, the job may have left, or a worker may have started it from an earlier
    // entry.
    if (this.#left || this.#started || place !== this.#place) return;
    await this.#deps.queues.add(provider, { ...entry, place }, { priority, delayMs });
  }

  /** Records that a worker has claimed the job here. */
  started(): void {
    this.#leaveLine(true);
    this.#started = true;
  }

  /** Takes a waiting entry out of the queue. One that stays there is stale and harmless. */
  removeEntry(): void {
    if (this.#started) return;
    void this.#deps.queues
      .remove(this.#provider, this.#options.entry.job, this.#place)
      .catch(() => undefined);
  }

  /** Gives up the place of a job that has ended or was not admitted. */
  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#leaveLine(false);
    this.#deps.backlog.remove(this.#bytes, this.#provider);
    this.#count(-1);
  }

  /** Awaits the turn. After a failure the next call asks for another one. */
  async #turn(): Promise<number> {
    const turn = this.#priority ?? 1;
    try {
      return await turn;
    } catch (error) {
      if (this.#priority === turn) this.#priority = undefined;
      throw error;
    }
  }

  #leaveLine(started: boolean): void {
    const turn = this.#priority;
    const provider = this.#provider;
    this.#priority = undefined;
    const leave = (priority: number): void => {
      this.#deps.order.left(provider, priority, started);
    };
    if (typeof turn === "number") leave(turn);
    else turn?.then(leave, () => undefined);
  }

  #count(by: 1 | -1): void {
    const state = this.#deps.providerStates.get(this.#provider);
    if (state !== undefined) state.placed += by;
  }
}
