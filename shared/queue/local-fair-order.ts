import { PRIORITY_BAND, type FairOrder } from "./fair-order.ts";

interface Lane {
  /** The virtual time: the rank of the entry that was started last. */
  now: number;
  readonly lastRank: Map<string, number>;
  waiting: number;
}

/** Orders entries when there is one API process. */
export class LocalFairOrder implements FairOrder {
  readonly #lanes = new Map<string, Lane>();

  rank(provider: string, serviceClass: number, tenant: string): number {
    const lane = this.#lane(provider, serviceClass);
    const rank = Math.min(
      Math.max(lane.now, lane.lastRank.get(tenant) ?? 0) + 1,
      PRIORITY_BAND - 1,
    );
    lane.lastRank.set(tenant, rank);
    lane.waiting++;
    return serviceClass * PRIORITY_BAND + rank;
  }

  left(provider: string, priority: number, started: boolean): void {
    const lane = this.#lane(provider, Math.floor(priority / PRIORITY_BAND));
    // Entries from before the start of this process are not counted: they only move virtual time
    // forward.
    const isCounted = lane.waiting > 0;
    if (isCounted) lane.waiting--;
    if (started) lane.now = Math.max(lane.now, priority % PRIORITY_BAND);
    if (!isCounted || lane.waiting > 0) return;
    lane.now = 0;
    lane.lastRank.clear();
  }

  #lane(provider: string, serviceClass: number): Lane {
    const name = `${serviceClass} ${provider}`;
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { now: 0, lastRank: new Map(), waiting: 0 };
      this.#lanes.set(name, lane);
    }
    return lane;
  }
}
