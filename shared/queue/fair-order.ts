/** BullMQ's highest priority number is 2,097,151; each of the four classes gets a band of it. */
const BAND = 524_288;

interface Lane {
  /** Virtual time: the rank of the entry that was started last. */
  now: number;
  readonly lastRank: Map<string, number>;
  waiting: number;
}

/**
 * Fair order inside a class (start-time fair queueing): rank = max(virtual time, the tenant's last
 * rank) + 1, so tenants interleave and nobody's old entries starve behind his new ones. Lower runs
 * first. A lane that has emptied begins anew; at the end of its band it falls back to arrival order
 * until it empties.
 */
export class FairOrder {
  readonly #lanes = new Map<string, Lane>();

  /** The BullMQ priority, at least 1, of a tenant's next entry in a provider's queue. */
  rank(provider: string, serviceClass: number, tenant: string): number {
    const lane = this.#lane(provider, serviceClass);
    const rank = Math.min(Math.max(lane.now, lane.lastRank.get(tenant) ?? 0) + 1, BAND - 1);
    lane.lastRank.set(tenant, rank);
    lane.waiting++;
    return serviceClass * BAND + rank;
  }

  /** An entry of that priority was started, moved away or ended. */
  left(provider: string, priority: number, started: boolean): void {
    const lane = this.#lane(provider, Math.floor(priority / BAND));
    lane.waiting--;
    if (started) lane.now = Math.max(lane.now, priority % BAND);
    if (lane.waiting > 0) return;
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
