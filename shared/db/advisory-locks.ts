/**
 * The first keys of the two-key advisory locks that processes hold on their lease sessions. The
 * second key is the process's `seq`, or the slot's number. (1397948416 and 1397948417, the overflow
 * mover's, are written in its functions.)
 */
export const PROCESS_LOCK = 0x5352_0000;

/** The first key of a provider's slot locks, from the provider's id in the database. */
export function slotLock(providerId: number): number {
  return 0x5351_0000 + providerId;
}
