/** Decides which attempt of a job is heard: the one with the highest fence, until it is over. */
export class HeardFences {
  #highest = 0;
  #over = 0;

  /** The highest fence heard so far. It is 0 before the first. */
  get highest(): number {
    return this.#highest;
  }

  /** Returns false for an attempt that is over, or older than one that has been heard. */
  hear(fence: number): boolean {
    if (fence <= this.#over || fence < this.#highest) return false;
    this.#highest = fence;
    return true;
  }

  /** Records that the attempts heard so far are over. */
  end(): void {
    this.#over = this.#highest;
  }
}
