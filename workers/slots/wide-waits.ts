import type { Client } from "pg";
import { leaseIsHeld, PROCESS_LOCK } from "../../shared/processes/advisory-locks.ts";
import { fairShare } from "./fair-share.ts";
import { statement } from "../../shared/db/statement.ts";

/** A worker that waits for more of a provider's slots than its share. */
export interface WideWaiter {
  readonly worker: string;
  readonly slots: number;
}

/**
 * Asks the fleet for a number of a provider's slots. Of several workers that ask, one is served at
 * a time. The others ask again in each round, and a worker that is gone no longer counts.
 */
export async function askForSlots(
  client: Client,
  providerId: number,
  { worker, slots }: WideWaiter,
): Promise<void> {
  await client.query(
    statement(
      "ask_for_slots",
      `insert into wide_slot_waits as w (provider_id, worker, slots) values ($1, $2, $3)
       on conflict (provider_id) do update set worker = excluded.worker, slots = excluded.slots
       where w.worker = excluded.worker or not exists (
         select from processes p where p.id = w.worker and ${leaseIsHeld("$4")})`,
      [providerId, worker, slots, PROCESS_LOCK],
    ),
  );
}

/** Withdraws the wait, because the worker has what it asked for or no longer wants it. */
export async function askNoMore(client: Client, providerId: number, worker: string): Promise<void> {
  await client.query(
    statement(
      "ask_no_more_slots",
      "delete from wide_slot_waits where provider_id = $1 and worker = $2",
      [providerId, worker],
    ),
  );
}

interface SharedProvider {
  readonly id: number;
  readonly name: string;
  readonly slots: number;
  /** The worker that waits for more than its share; null if none does. */
  readonly wide: WideWaiter | null;
  /** The names of all workers that hold their leases, in alphabetical order. */
  readonly workers: readonly string[];
}

/** Reads the slots of these providers, the workers that share them, and who waits for more. */
export async function readProviderSlots(
  client: Client,
  names: readonly string[],
): Promise<SharedProvider[]> {
  const { rows } = await client.query<SharedProvider>(
    statement(
      "provider_slots",
      `select p.id, p.name, p.slots, live.workers,
         case when w.worker is not null
           then json_build_object('worker', w.worker, 'slots', w.slots) end as wide
       from providers p left join wide_slot_waits w on w.provider_id = p.id,
         (select coalesce(array_agg(p.id order by p.id), '{}') as workers from processes p
          where p.kind = 'worker' and ${leaseIsHeld("$2")}) as live
       where p.name = any ($1)`,
      [names, PROCESS_LOCK],
    ),
  );
  return rows;
}

export interface Sharing {
  readonly provider: string;
  readonly slots: number;
  /** The names of the workers that live. */
  readonly workers: readonly string[];
  readonly wide: WideWaiter | null;
}

/**
 * Returns this worker's share. When a worker waits for more than its own share, the others share
 * the rest.
 */
export function shareOf(self: string, { provider, slots, workers, wide }: Sharing): number {
  const fair = (who: string): number => fairShare(slots, workers, who, provider);
  if (wide === null || !workers.includes(wide.worker)) return fair(self);
  const theirs = Math.min(slots, Math.max(wide.slots, fair(wide.worker)));
  if (wide.worker === self) return theirs;
  const others = workers.filter((worker) => worker !== wide.worker);
  return fairShare(slots - theirs, others, self, provider);
}
