import { within } from "../../shared/timing/within.ts";
import type { CallSlot, Provider } from "../providers/provider.ts";
import type { SlotToken } from "./slot-leases.ts";

/** Gives slots back when their calls are over in the engine too. */
export class HeldSlots {
  readonly #kept = new Set<Promise<void>>();

  /**
   * Returns the provider as one call in this slot sees it, and `release`, which gives the slot
   * back: at once, or when the engine has let go of a call that was cut.
   */
  place(provider: Provider, token: SlotToken): { provider: Provider; release: () => void } {
    const until: Promise<void>[] = [];
    const slot: CallSlot = {
      widen: (count, most, signal) => token.widen(count, most, signal),
      keepUntil: (done) => void until.push(done),
    };
    return {
      provider: { ...provider, call: (request, sink) => provider.call({ ...request, slot }, sink) },
      release: () => {
        if (until.length === 0) {
          token.release();
          return;
        }
        const kept = this.#giveBack(token, until);
        this.#kept.add(kept);
        void kept.finally(() => this.#kept.delete(kept));
      },
    };
  }

  async #giveBack(token: SlotToken, until: readonly Promise<void>[]): Promise<void> {
    await Promise.allSettled(until);
    token.release();
  }

  /** Waits for kept slots, but no longer than `mostMs`. */
  async settle(mostMs: number): Promise<void> {
    await within(mostMs, Promise.all(this.#kept));
  }
}
