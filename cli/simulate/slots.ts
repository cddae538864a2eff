import type { Call } from "./call.ts";

/** The engine's running requests, and those that wait for a slot, oldest first. */
export class Slots {
  readonly #size: number;
  readonly #queueLimit: number;
  readonly #waiting = new Map<Call, () => void>();
  #running = 0;

  constructor(size: number, queueLimit: number) {
    this.#size = size;
    this.#queueLimit = queueLimit;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** The part of the slots that is taken, from 0 to 1. */
  get usage(): number {
    return this.#running / this.#size;
  }

  /**
   * Resolves with false when there is neither a slot nor a place to wait. `mayWait` is called only
   * when all slots are taken.
   */
  async take(call: Call, mayWait: () => boolean): Promise<boolean> {
    if (this.#running >= this.#size) {
      if (this.#waiting.size >= this.#queueLimit || !mayWait()) return false;
      const turn = call.park((release) => this.#waiting.set(call, release));
      call.onEnd(() => this.#waiting.delete(call));
      await turn;
      return true;
    }
    this.#run(call);
    return true;
  }

  #run(call: Call): void {
    this.#running += 1;
    call.onEnd(() => {
      this.#running -= 1;
      this.#next();
    });
  }

  #next(): void {
    const next = this.#waiting.entries().next().value;
    if (next === undefined) return;
    const [call, release] = next;
    this.#waiting.delete(call);
    this.#run(call);
    release();
  }
}
