/** BullMQ's highest priority number is 2,097,151; each of the four classes gets a band of it. */
export const PRIORITY_BAND = 524_288;

/**
 * Fair order inside a class (start-time fair queueing): rank = max(virtual time, the tenant's last
 * rank) + 1, so tenants interleave and nobody's old entries starve behind his new ones. Lower runs
 * first. A queue that has emptied begins anew; at the end of its band it falls back to arrival order
 * until it empties.
 */
export interface FairOrder {
  /** The BullMQ priority, at least 1, of a tenant's next entry in a provider's queue. */
  rank(provider: string, serviceClass: number, tenant: string): number | Promise<number>;
  /** An entry of that priority was started, moved away or ended. */
  left(provider: string, priority: number, started: boolean): void;
}
