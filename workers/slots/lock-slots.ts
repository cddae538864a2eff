import type { Client } from "pg";
import { slotLock } from "../../shared/processes/advisory-locks.ts";

/** Who used a slot last and did not give it back. */
export interface Holder {
  readonly worker: string;
  readonly machine: string | null;
  readonly pid: number | null;
}

/** Locks up to `wanted` free slots and says who used each last, without having given it back. */
export async function lockSlots(
  client: Client,
  providerId: number,
  slots: number,
  mine: readonly number[],
  wanted: number,
): Promise<{ slot: number; before: Holder | null }[]> {
  // The limit stops the scan, so no more locks are taken than wanted. A session may lock its own slot
  // once more, and one unlock would then not free it: `and` promises no order, `case` does.
  const { rows } = await client.query<{ slot: number } & (Holder | { worker: null })>(
    `select t.slot, h.worker, h.machine, h.pid from (
       select slot from generate_series(0, $2::integer - 1) as slot
       where case when slot = any ($3::integer[]) then false
         else pg_try_advisory_lock($4, slot) end
       limit $5
     ) as t
     left join slot_holders h on h.provider_id = $1 and h.slot = t.slot`,
    [providerId, slots, mine, slotLock(providerId), wanted],
  );
  return rows.map((row) => ({ slot: row.slot, before: row.worker === null ? null : row }));
}
