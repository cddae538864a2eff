import type { Call } from "./call.ts";

/**
 * When tokens are ready: the first after `ttftMs`, then `tokensPerSecond`; a rate of 0 means no
 * pacing.
 */
export interface PaceOptions {
  readonly ttftMs: number;
  readonly tokensPerSecond: number;
}

/** The clock of one generation, started by the constructor. */
export class Pace {
  readonly #firstAtMs: number;
  readonly #intervalMs: number;

  constructor({ ttftMs, tokensPerSecond }: PaceOptions) {
    this.#firstAtMs = performance.now() + ttftMs;
    this.#intervalMs = tokensPerSecond > 0 ? 1000 / tokensPerSecond : 0;
  }

  /** Returns how many of `wanted` tokens are ready by now. */
  ready(wanted: number): number {
    const sinceFirstMs = performance.now() - this.#firstAtMs;
    if (sinceFirstMs < 0) return 0;
    if (this.#intervalMs === 0) return wanted;
    return Math.min(wanted, Math.floor(sinceFirstMs / this.#intervalMs) + 1);
  }

  /** Waits until this many tokens (at least 1) are ready, or the call has ended. */
  async reach(call: Call, tokens: number): Promise<void> {
    const atMs = this.#firstAtMs + Math.max(0, tokens - 1) * this.#intervalMs;
    // Timers may fire a little early.
    for (;;) {
      const leftMs = atMs - performance.now();
      if (leftMs <= 0 || !call.open) return;
      await call.sleep(Math.ceil(leftMs));
    }
  }
}
