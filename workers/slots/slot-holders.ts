import type { Client } from "pg";
import { slotLock } from "../../shared/processes/advisory-locks.ts";
import type { ProcessPlace } from "./process-place.ts";
import { statement } from "../../shared/db/statement.ts";

/** The last user of a slot, which did not give it back. */
export interface Holder {
  readonly worker: string;
  readonly machine: string | null;
  readonly pid: number | null;
}

/**
 * Locks up to `wanted` free slots. Returns with each the worker that used it last and did not give
 * it back.
 */
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
    statement(
      "lock_slots",
      `select t.slot, h.worker, h.machine, h.pid from (
         select slot from generate_series(0, $2::integer - 1) as slot
         where case when slot = any ($3::integer[]) then false
           else pg_try_advisory_lock($4, slot) end
         limit $5
       ) as t
       left join slot_holders h on h.provider_id = $1 and h.slot = t.slot`,
      [providerId, slots, mine, slotLock(providerId), wanted],
    ),
  );
  return rows.map((row) => ({ slot: row.slot, before: row.worker === null ? null : row }));
}

/** Records which worker has locked these slots. */
export async function holdSlots(
  client: Client,
  providerId: number,
  {
    slots,
    worker,
    place,
  }: { readonly slots: readonly number[]; readonly worker: string; readonly place: ProcessPlace },
): Promise<void> {
  await client.query(
    statement(
      "hold_slots",
      `insert into slot_holders (provider_id, slot, worker, machine, pid)
       select $1, slot, $2, $4, $5 from unnest($3::integer[]) as slot
       on conflict (provider_id, slot) do update
         set worker = excluded.worker, machine = excluded.machine, pid = excluded.pid`,
      [providerId, worker, slots, place.machine, place.pid],
    ),
  );
}

/**
 * Gives a slot back. The row is cleared before the lock, so that a slot that can be locked has no
 * holder.
 */
export async function freeSlot(client: Client, providerId: number, slot: number): Promise<void> {
  await client.query(
    statement(
      "free_slot",
      "update slot_holders set worker = null where provider_id = $1 and slot = $2",
      [providerId, slot],
    ),
  );
  await client.query(
    statement("unlock_slot", "select pg_advisory_unlock($1, $2)", [slotLock(providerId), slot]),
  );
}
