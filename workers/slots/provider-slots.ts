/**
 * What stands for more sequences than the provider has slots, which no count of slots can hold back:
 * all of them, or what this process has, so that lists of hundreds do not go from one to the next.
 */
export type MostSlots = "fleet" | "share";

/** A token that waits to be widened. */
export interface WideWait {
  readonly count: number;
  readonly most: MostSlots;
  readonly grant: (numbers: number[]) => void;
}

export interface Slot {
  /** Under lease by the current session. */
  held: boolean;
  /** A call is in flight; it keeps the slot until its socket has closed. */
  busy: boolean;
  /** Beyond the share or the limit: no other call gets it, and it goes back when this one ends. */
  leaving: boolean;
  /** Not before this time, in ms: its last holder ended uncleanly. */
  restsUntil: number;
}

/** What a worker has of one provider's slots. */
export interface ProviderSlots {
  id: number;
  /** Over the whole fleet. */
  total: number;
  share: number;
  usable: number;
  readonly slots: Map<number, Slot>;
  /** Served in this order, before all others. */
  readonly wide: WideWait[];
  /** The fleet was asked for more than the share, for the first that waits. */
  asks: boolean;
}

/** Marks slots as in use and returns them. */
export function occupy(state: ProviderSlots, numbers: number[]): number[] {
  for (const number of numbers) {
    const slot = state.slots.get(number);
    if (slot !== undefined) slot.busy = true;
  }
  return numbers;
}

/** The slot's call is over. */
export function vacate(state: ProviderSlots, number: number): void {
  const slot = state.slots.get(number);
  if (slot !== undefined) slot.busy = false;
}

/** How many slots a wait needs. */
export function neededBy({ count, most }: WideWait, { total, usable }: ProviderSlots): number {
  if (count <= total) return Math.max(1, count);
  return Math.max(1, most === "fleet" ? total : usable);
}

/** Whether a new call may have it, but for one that is in it. */
export function isUsable(slot: Slot, now: number): boolean {
  return slot.held && !slot.leaving && slot.restsUntil <= now;
}

/** Numbers of the slots under lease. */
export function heldNumbers(state: ProviderSlots): number[] {
  return [...state.slots].filter(([, slot]) => slot.held).map(([number]) => number);
}
