import { setTimeout as sleep } from "node:timers/promises";
import type { EntryWorker, QueueBackend, TakeEntry } from "../../shared/queue/queue-backend.ts";

const ACKNOWLEDGE_MS = 100;

/** One queue worker for each provider. */
export type QueueWorkers = Map<string, ProviderWorker>;

/** A worker takes entries for all its slots, one more than run now, or none. */
export type Gate = "open" | "one" | "shut";

/**
 * Takes entries from one provider's queue, as many at once as this process holds slots. It takes
 * none while it has no slot, the provider is down or rests, the engine is full, or it is held.
 * Changes follow each other in order.
 */
export class ProviderWorker {
  readonly #open: (concurrency: number) => EntryWorker;
  #worker: EntryWorker | undefined;
  #slots = 0;
  #gate: Gate = "open";
  #held = false;
  #full = false;
  #closed = false;
  #taken = 0;
  readonly #onIdle: (() => void)[] = [];
  #changes: Promise<void> = Promise.resolve();

  constructor(backend: QueueBackend, provider: string, take: TakeEntry) {
    const counted: TakeEntry = async (entry) => {
      if (this.#closed) return "not_now";
      this.#taken++;
      try {
        return await take(entry);
      } finally {
        this.#taken--;
        if (this.#taken === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
      }
    };
    this.#open = (concurrency) => backend.openWorker(provider, counted, concurrency);
  }

  get hasSlots(): boolean {
    return this.#slots > 0;
  }

  setSlots(slots: number): void {
    this.#slots = slots;
    this.#change();
  }

  setGate(gate: Gate): void {
    if (gate === this.#gate) return;
    this.#gate = gate;
    this.#change();
  }

  /** Takes no entry while it is held. */
  setHeld(held: boolean): void {
    this.#held = held;
    this.#change();
  }

  /** Takes no entry while the engine has a queue of its own. */
  setFull(full: boolean): void {
    this.#full = full;
    this.#change();
  }

  /** Takes no more entries. Resolves when all that were taken have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#changes;
    const worker = this.#worker;
    if (worker === undefined) return;
    if (!worker.isPaused()) await worker.pause(true);
    if (this.#taken > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve));
    // The last acknowledgements get time to arrive. Without them an entry is left, which is only a
    // hint.
    await sleep(ACKNOWLEDGE_MS);
    await worker.close();
  }

  #change(): void {
    this.#changes = this.#changes.then(() => this.#apply());
  }

  async #apply(): Promise<void> {
    if (this.#closed) return;
    const takes = this.#slots > 0 && this.#gate !== "shut" && !this.#held && !this.#full;
    const slots = this.#gate === "one" ? Math.min(this.#slots, this.#taken + 1) : this.#slots;
    if (this.#worker === undefined) {
      if (takes) this.#worker = this.#open(slots);
      return;
    }
    if (takes) {
      const isMore = slots > this.#worker.concurrency;
      this.#worker.concurrency = slots;
      // BullMQ's loop, when it is at its limit, sees a higher one only if a call ends or it is
      // resumed.
      if (isMore && !this.#worker.isPaused()) await this.#worker.pause(true);
      if (this.#worker.isPaused()) await this.#worker.resume();
    } else if (!this.#worker.isPaused()) await this.#worker.pause(true);
  }
}
