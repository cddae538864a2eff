import type { LeaseSession } from "../../shared/processes/process-lease.ts";
import type { ProcessPlace } from "./process-place.ts";
import { freeSlot, type Holder, holdSlots, lockSlots } from "./slot-holders.ts";
import {
  heldNumbers,
  isUsable,
  type MostSlots,
  neededBy,
  occupy,
  type ProviderSlots,
  vacate,
  type WideWait,
} from "./provider-slots.ts";
import { askForSlots, askNoMore, readProviderSlots, shareOf } from "./wide-waits.ts";

/**
 * The right to have one sequence in flight at a provider, or as many as the token was widened to.
 */
export interface SlotToken {
  /** The number of its first slot. */
  readonly slot: number;
  /**
   * Waits until the token stands for `count` slots, or for the most that it can have. The fleet
   * lends what goes beyond this process's share. While the token waits it holds no slot, so that no
   * two tokens can wait for each other, and no later call of this process is served first. It
   * returns false when the signal stopped it; then the token holds nothing.
   */
  widen(count: number, most: MostSlots, signal: AbortSignal): Promise<boolean>;
  release(): void;
}

export interface SlotLeasesOptions {
  readonly providers: readonly string[];
  /** Called with the number of slots that this worker may use now, whenever it changes. */
  readonly onShare: (provider: string, slots: number) => void;
  readonly now: () => number;
  readonly place: ProcessPlace;
  /** Tells whether a process has certainly ended, with all its sockets. */
  readonly hasEnded: (place: ProcessPlace) => boolean;
}

/** A slot rests this long after its last holder ended uncleanly, or was this worker itself. */
const REST_MS = 1_000;
/**
 * A slot rests this long when its last holder may still live. A worker that is cut off from the
 * database finds out with its next probe: a probe is sent every second and must be answered in
 * five. Then the worker stops its calls.
 */
const CUT_OFF_REST_MS = 7_000;

/**
 * Slots are leases: session advisory locks on the lease session, so that the kernel frees them with
 * the process. Each worker holds its share of every provider's slots, and gives back what is too
 * many as calls end. The slots are lost with the session, and taken again with the next one.
 */
export class SlotLeases {
  readonly #options: SlotLeasesOptions;
  readonly #providers = new Map<string, ProviderSlots>();
  #session: LeaseSession | undefined;
  #refreshing: Promise<void> | undefined;

  constructor(options: SlotLeasesOptions) {
    this.#options = options;
    for (const name of options.providers)
      this.#providers.set(name, {
        id: 0,
        total: 0,
        share: 0,
        usable: 0,
        asks: false,
        slots: new Map(),
        wide: [],
      });
  }

  /**
   * Takes a free slot of the provider; returns null if there is none. Release it when the call's
   * socket is closed.
   */
  take(provider: string): SlotToken | null {
    const state = this.#providers.get(provider);
    if (state === undefined || state.wide.length > 0) return null;
    const [first] = this.#free(state);
    if (first === undefined) return null;
    let numbers = occupy(state, [first]);
    const release = (): void => {
      for (const number of numbers.splice(0)) vacate(state, number);
      this.#serveWide(state);
    };
    return {
      get slot() {
        return numbers[0] ?? first;
      },
      release,
      widen: async (count, most, signal) => {
        if (count <= numbers.length || signal.aborted) return !signal.aborted;
        const { promise, resolve } = Promise.withResolvers<boolean>();
        const wait: WideWait = {
          count,
          most,
          grant: (granted) => {
            numbers = occupy(state, granted);
            resolve(true);
          },
        };
        const stop = (): void => {
          const place = state.wide.indexOf(wait);
          if (place < 0) return;
          state.wide.splice(place, 1);
          resolve(false);
          this.#serveWide(state);
        };
        signal.addEventListener("abort", stop, { once: true });
        state.wide.push(wait);
        release();
        try {
          return await promise;
        } finally {
          signal.removeEventListener("abort", stop);
        }
      },
    };
  }

  #free(state: ProviderSlots): number[] {
    const now = this.#options.now();
    return [...state.slots].flatMap(([number, slot]) =>
      !slot.busy && isUsable(slot, now) ? [number] : [],
    );
  }

  /**
   * Gives the first wait its slots as soon as all of them are free. Until then no other call gets a
   * slot.
   */
  #serveWide(state: ProviderSlots): void {
    for (let [next] = state.wide; next !== undefined; [next] = state.wide) {
      const needed = neededBy(next, state);
      const free = this.#free(state);
      if (free.length < needed) return;
      state.wide.shift();
      next.grant(free.slice(0, needed));
    }
  }

  /** The session is gone, and its locks with it. The caller aborts the calls in flight. */
  lost(): void {
    this.#session = undefined;
    for (const state of this.#providers.values())
      for (const slot of state.slots.values()) slot.held = false;
    this.#announce();
  }

  held(session: LeaseSession): void {
    this.#session = session;
  }

  /** This process holds its share, and nothing in it waits for a slot or rests. */
  get isSettled(): boolean {
    const now = this.#options.now();
    return [...this.#providers.values()].every(
      ({ share, wide, asks, slots }) =>
        wide.length === 0 &&
        !asks &&
        share === [...slots.values()].filter((slot) => isUsable(slot, now)).length,
    );
  }

  /** Brings what is held to this worker's share. Runs never overlap; errors are the session's. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /**
   * Gives every slot back. It frees busy slots too, so it may be called only when nothing is in
   * flight.
   */
  async releaseAll(): Promise<void> {
    const session = this.#session;
    for (const state of this.#providers.values()) {
      state.share = 0;
      for (const slot of state.slots.values()) slot.busy = false;
    }
    if (session !== undefined)
      for (const state of this.#providers.values()) {
        if (state.asks) await askNoMore(session.client, state.id, session.id);
        await giveBack(session, state, 0);
      }
    this.#announce();
  }

  async #refresh(): Promise<void> {
    const session = this.#session;
    if (session === undefined) return;
    await this.#ask(session);
    const providers = await readProviderSlots(session.client, this.#options.providers);
    for (const provider of providers) {
      const { name, slots, wide, workers } = provider;
      const state = this.#providers.get(name);
      if (state === undefined || this.#session !== session) continue;
      state.id = provider.id;
      state.total = slots;
      state.share = shareOf(session.id, { provider: name, slots, workers, wide });
      await giveBack(session, state, state.share, provider.slots);
      await this.#takeMore(session, state, provider.slots);
    }
    this.#announce();
  }

  /** Tells the fleet which waits need more than the share, and which no longer do. */
  async #ask(session: LeaseSession): Promise<void> {
    for (const state of this.#providers.values()) {
      const [first] = state.wide;
      const slots = first === undefined ? 0 : neededBy(first, state);
      const isShort = slots > 0 && state.total > 0 && (state.asks || slots > state.share);
      if (isShort) await askForSlots(session.client, state.id, { worker: session.id, slots });
      else if (state.asks) await askNoMore(session.client, state.id, session.id);
      state.asks = isShort;
    }
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
    await holdSlots(session.client, state.id, {
      slots: taken.map(({ slot }) => slot),
      worker: session.id,
      place,
    });
  }

  #restMs(self: string, { worker, machine, pid }: Holder): number {
    if (worker === self) return REST_MS;
    const isKnown = machine !== null && pid !== null;
    return isKnown && this.#options.hasEnded({ machine, pid }) ? REST_MS : CUT_OFF_REST_MS;
  }

  #announce(): void {
    for (const [name, state] of this.#providers) {
      this.#serveWide(state);
      const usable = [...state.slots.values()].filter((slot) =>
        isUsable(slot, this.#options.now()),
      ).length;
      if (usable === state.usable) continue;
      state.usable = usable;
      this.#options.onShare(name, usable);
    }
  }
}

/**
 * Unlocks idle slots beyond the share, and those whose number is beyond a lowered limit. All of
 * them are marked first; otherwise, under load, new calls would take the busy ones again before the
 * next round.
 */
async function giveBack(
  session: LeaseSession,
  state: ProviderSlots,
  share: number,
  slots = Number.POSITIVE_INFINITY,
): Promise<void> {
  // Busy slots come first in the list, so that they stay and idle ones go.
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
    await freeSlot(session.client, state.id, number);
  }
}
