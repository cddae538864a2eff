/**
 * BullMQ's highest priority number is 2,097,151, and each of the four classes gets a band of it.
 */
export const PRIORITY_BAND = 524_288;

/**
 * A class has a fair order (start-time fair queueing): rank = max(virtual time, the tenant's last
 * rank) + 1. So tenants interleave, and a tenant's old entries do not starve behind its new ones. A
 * lower rank runs first. A queue that has become empty starts again at 0. At the end of its band it
 * uses arrival order until it is empty.
 */
export interface FairOrder {
  /** Returns the BullMQ priority, at least 1, of a tenant's next entry in a provider's queue. */
  rank(provider: string, serviceClass: number, tenant: string): number | Promise<number>;
  /** Records that an entry of that priority was started, moved away or ended. */
  left(provider: string, priority: number, started: boolean): void;
}
