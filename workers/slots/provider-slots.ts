/**
 * A call may need more slots than its provider has. It then gets all of the fleet (`fleet`), or
 * only those of this process (`share`), so that lists of hundreds do not travel from one process to
 * the next.
 */
export type MostSlots = "fleet" | "share";

/** A token that waits to be widened. */
export interface WideWait {
  readonly count: number;
  readonly most: MostSlots;
  readonly grant: (numbers: number[]) => void;
}

export interface Slot {
  /** The current session has leased it. */
  held: boolean;
  /** A call is in flight; it keeps the slot until its socket has closed. */
  busy: boolean;
  /**
   * It is beyond the share or the limit: no other call gets it, and it goes back when its call
   * ends.
   */
  leaving: boolean;
  /** No call gets it before this time, in ms, because its last holder ended uncleanly. */
  restsUntil: number;
}

/** One provider's slots as a worker has them. */
export interface ProviderSlots {
  id: number;
  /** The provider's slots over the whole fleet. */
  total: number;
  share: number;
  usable: number;
  readonly slots: Map<number, Slot>;
  /** Waits are served in this order, before all other calls. */
  readonly wide: WideWait[];
  /** The fleet was asked for more than the share, for the first of the waits. */
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

/** Marks a slot as free, because its call is over. */
export function vacate(state: ProviderSlots, number: number): void {
  const slot = state.slots.get(number);
  if (slot !== undefined) slot.busy = false;
}

/** Returns how many slots a wait needs. */
export function neededBy({ count, most }: WideWait, { total, usable }: ProviderSlots): number {
  if (count <= total) return Math.max(1, count);
  return Math.max(1, most === "fleet" ? total : usable);
}

/** Tells whether a new call may have the slot once no other call is in it. */
export function isUsable(slot: Slot, now: number): boolean {
  return slot.held && !slot.leaving && slot.restsUntil <= now;
}

/** Returns the numbers of the slots under lease. */
export function heldNumbers(state: ProviderSlots): number[] {
  return [...state.slots].filter(([, slot]) => slot.held).map(([number]) => number);
}
