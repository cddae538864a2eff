import type { Client } from "pg";
import type { LeaseSession } from "../../shared/db/process-lease.ts";
import { leaseIsHeld, PROCESS_LOCK, slotLock } from "../../shared/db/advisory-locks.ts";
import type { ProcessPlace } from "./process-place.ts";
import { fairShare } from "./fair-share.ts";

/** The right to have one request in flight at a provider, until released. */
export interface SlotToken {
  readonly slot: number;
  release(): void;
}

export interface SlotLeasesOptions {
  readonly providers: readonly string[];
  /** Called with the number of slots that this worker may use now, whenever it changes. */
  readonly onShare: (provider: string, slots: number) => void;
  readonly now: () => number;
  readonly place: ProcessPlace;
  /** Whether a process has certainly ended, with all its sockets. */
  readonly hasEnded: (place: ProcessPlace) => boolean;
}

interface Slot {
  /** Under lease by the current session. */
  held: boolean;
  /** A call is in flight; it keeps the slot until its socket has closed. */
  busy: boolean;
  /** Beyond the share or the limit: no other call gets it, and it goes back when this one ends. */
  leaving: boolean;
  /** Not before this time, in ms: its last holder ended uncleanly. */
  restsUntil: number;
}

/** Who used a slot last and did not give it back. */
interface Holder {
  readonly worker: string;
  readonly machine: string | null;
  readonly pid: number | null;
}

interface ProviderSlots {
  id: number;
  share: number;
  usable: number;
  readonly slots: Map<number, Slot>;
}

/** How long a slot rests whose last holder ended uncleanly, or was this worker itself. */
const REST_MS = 1_000;
/**
 * The same when its holder may live on: cut off from the database without knowing, it finds out with
 * its next probe, a second later, if that is not answered in five; then it stops its calls.
 */
const CUT_OFF_REST_MS = 7_000;

/**
 * Slots as leases: session advisory locks on the lease session, so that the kernel frees them with
 * the process. Each worker holds its share of every provider's slots; what is too many goes back
 * as calls end. Lost with the session, and then taken anew.
 */
export class SlotLeases {
  readonly #options: SlotLeasesOptions;
  readonly #providers = new Map<string, ProviderSlots>();
  #session: LeaseSession | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(options: SlotLeasesOptions) {
    this.#options = options;
    for (const name of options.providers)
      this.#providers.set(name, { id: 0, share: 0, usable: 0, slots: new Map() });
  }

  /** A free slot of the provider, or null. Release it when the call's socket is closed. */
  take(provider: string): SlotToken | null {
    const state = this.#providers.get(provider);
    if (state === undefined) return null;
    for (const [number, slot] of state.slots) {
      if (slot.busy || !isUsable(slot, this.#options.now())) continue;
      slot.busy = true;
      return {
        slot: number,
        release: () => {
          slot.busy = false;
        },
      };
    }
    return null;
  }

  /** The session is gone and its locks with it. The caller aborts the calls in flight. */
  lost(): void {
    this.#session = undefined;
    for (const state of this.#providers.values())
      for (const slot of state.slots.values()) slot.held = false;
    this.#announce();
  }

  held(session: LeaseSession): void {
    this.#session = session;
  }

  /** Brings what is held to this worker's share. Runs one at a time; errors are the session's. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Gives every slot back; busy ones too, so call it when nothing is in flight. */
  async releaseAll(): Promise<void> {
    const session = this.#session;
    for (const state of this.#providers.values()) {
      state.share = 0;
      for (const slot of state.slots.values()) slot.busy = false;
    }
    if (session !== undefined)
      for (const state of this.#providers.values()) await giveBack(session, state, 0);
    this.#announce();
  }

  async #refresh(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    const { rows: workers } = await session.client.query<{ id: string }>(
      `select p.id from processes p where p.kind = 'worker' and ${leaseIsHeld("$1")} order by p.id`,
      [PROCESS_LOCK],
    );
    const { rows: providers } = await session.client.query<{
      id: number;
      name: string;
      slots: number;
    }>("select id, name, slots from providers where name = any ($1)", [this.#options.providers]);
    const ids = workers.map((worker) => worker.id);
    for (const provider of providers) {
      const state = this.#providers.get(provider.name);
      if (state === undefined || this.#session !== session) continue;
      state.id = provider.id;
      state.share = fairShare(provider.slots, ids, session.id, provider.name);
      await giveBack(session, state, state.share, provider.slots);
      await this.#takeMore(session, state, provider.slots);
    }
    this.#announce();
  }

  async #takeMore(session: LeaseSession, state: ProviderSlots, slots: number): Promise<void> {
    const { place } = this.#options;
    const mine = heldNumbers(state);
    if (mine.length >= state.share) return;
    const taken = await lockSlots(session.client, state.id, slots, mine, state.share - mine.length);
    for (const { slot, before } of taken) {
      const known = state.slots.get(slot) ?? {
        held: false,
        busy: false,
        leaving: false,
        restsUntil: 0,
      };
      known.held = true;
      known.leaving = false;
      if (before !== null)
        known.restsUntil = this.#options.now() + this.#restMs(session.id, before);
      state.slots.set(slot, known);
    }
    await session.client.query(
      `insert into slot_holders (provider_id, slot, worker, machine, pid)
       select $1, slot, $2, $4, $5 from unnest($3::integer[]) as slot
       on conflict (provider_id, slot) do update
         set worker = excluded.worker, machine = excluded.machine, pid = excluded.pid`,
      [state.id, session.id, taken.map(({ slot }) => slot), place.machine, place.pid],
    );
  }

  #restMs(self: string, { worker, machine, pid }: Holder): number {
    if (worker === self) return REST_MS;
    const isKnown = machine !== null && pid !== null;
    return isKnown && this.#options.hasEnded({ machine, pid }) ? REST_MS : CUT_OFF_REST_MS;
  }

  #announce(): void {
    for (const [name, state] of this.#providers) {
      const usable = [...state.slots.values()].filter((slot) =>
        isUsable(slot, this.#options.now()),
      ).length;
      if (usable === state.usable) continue;
      state.usable = usable;
      this.#options.onShare(name, usable);
    }
  }
}

function isUsable(slot: Slot, now: number): boolean {
  return slot.held && !slot.leaving && slot.restsUntil <= now;
}

function heldNumbers(state: ProviderSlots): number[] {
  return [...state.slots].filter(([, slot]) => slot.held).map(([number]) => number);
}

/** Locks up to `wanted` free slots and says who used each last, without having given it back. */
async function lockSlots(
  client: Client,
  providerId: number,
  slots: number,
  mine: readonly number[],
  wanted: number,
): Promise<{ slot: number; before: Holder | null }[]> {
  // The limit stops the scan, so no more locks are taken than wanted.
  const { rows } = await client.query<{ slot: number } & (Holder | { worker: null })>(
    `select t.slot, h.worker, h.machine, h.pid from (
       select slot from generate_series(0, $2::integer - 1) as slot
       where slot <> all ($3::integer[]) and pg_try_advisory_lock($4, slot)
       limit $5
     ) as t
     left join slot_holders h on h.provider_id = $1 and h.slot = t.slot`,
    [providerId, slots, mine, slotLock(providerId), wanted],
  );
  return rows.map((row) => ({ slot: row.slot, before: row.worker === null ? null : row }));
}

/**
 * Unlocks idle slots beyond the share, and those whose number is beyond a lowered limit. All of
 * them are marked first, or under load busy ones would be taken again before the next look.
 */
async function giveBack(
  session: LeaseSession,
  state: ProviderSlots,
  share: number,
  slots = Number.POSITIVE_INFINITY,
): Promise<void> {
  // Busy ones first: they stay, and idle ones go.
  const held = heldNumbers(state).toSorted(
    (a, b) => Number(state.slots.get(b)?.busy ?? false) - Number(state.slots.get(a)?.busy ?? false),
  );
  const beyond = held.filter((number) => number >= slots);
  const surplus = held.filter((number) => number < slots).slice(share);
  const leaving = new Set([...beyond, ...surplus]);
  for (const [number, slot] of state.slots) slot.leaving = leaving.has(number);
  for (const number of leaving) {
    const slot = state.slots.get(number);
    if (slot === undefined || slot.busy) continue;
    slot.held = false;
    await session.client.query(
      "update slot_holders set worker = null where provider_id = $1 and slot = $2",
      [state.id, number],
    );
    await session.client.query("select pg_advisory_unlock($1, $2)", [slotLock(state.id), number]);
  }
}
