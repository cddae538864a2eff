/**
 * The first key of the two-key advisory locks that processes hold on their lease sessions. The
 * second key is the process's `seq`. For slots (see `slotLock`) it is the slot's number. 1397948416
 * and 1397948417, the locks of the overflow mover, and 1397948418, the lock of webhook claims, are
 * written in their SQL functions.
 */
export const PROCESS_LOCK = 0x5352_0000;

/**
 * An all-in-one process holds this lock alone, and the processes of a fleet share it. It is a
 * bigint: "spillway" in ASCII.
 */
export const INSTANCE_LOCK = "8318264426150453625";

/** Returns the first key of a provider's slot locks, from the provider's id in the database. */
export function slotLock(providerId: number): number {
  return 0x5351_0000 + providerId;
}

/**
 * Returns the SQL condition that some session holds the lease lock of the row `p` of `processes`.
 * `processLock` is the parameter that stands for `PROCESS_LOCK`.
 */
export function leaseIsHeld(processLock: string): string {
  return `exists (
    select from pg_locks l
    where l.locktype = 'advisory' and l.granted and l.objsubid = 2
      and l.database = (select oid from pg_database where datname = current_database())
      and l.classid = ${processLock}::oid and l.objid = p.seq::oid)`;
}
