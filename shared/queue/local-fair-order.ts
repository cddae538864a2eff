import { PRIORITY_BAND, type FairOrder } from "./fair-order.ts";

interface Band {
  /** The virtual time: the rank of the entry that was started last. */
  now: number;
  readonly lastRank: Map<string, number>;
  waiting: number;
}

/** Orders entries when there is one API process. */
export class LocalFairOrder implements FairOrder {
  readonly #bands = new Map<string, Band>();

  rank(provider: string, serviceClass: number, tenant: string): number {
    const band = this.#band(provider, serviceClass);
    const rank = Math.min(
      Math.max(band.now, band.lastRank.get(tenant) ?? 0) + 1,
      PRIORITY_BAND - 1,
    );
    band.lastRank.set(tenant, rank);
    band.waiting++;
    return serviceClass * PRIORITY_BAND + rank;
  }

  left(provider: string, priority: number, started: boolean): void {
    const band = this.#band(provider, Math.floor(priority / PRIORITY_BAND));
    // Entries from before the start of this process are not counted: they only move virtual time
    // forward.
    const isCounted = band.waiting > 0;
    if (isCounted) band.waiting--;
    if (started) band.now = Math.max(band.now, priority % PRIORITY_BAND);
    if (!isCounted || band.waiting > 0) return;
    band.now = 0;
    band.lastRank.clear();
  }

  #band(provider: string, serviceClass: number): Band {
    const name = `${serviceClass} ${provider}`;
    let band = this.#bands.get(name);
    if (band === undefined) {
      band = { now: 0, lastRank: new Map(), waiting: 0 };
      this.#bands.set(name, band);
    }
    return band;
  }
}
