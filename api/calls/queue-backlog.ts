import { queueIsFull } from "./queue-is-full.ts";

export interface BacklogOptions {
  /** Number of providers, among which half of the limit is set aside; one by default. */
  readonly providers?: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number;
}

/** What is said of a queue of which nothing is known yet. */
const DEFAULT_RETRY_MS = 5_000;
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
/** How far back it counts how fast a queue empties. */
const WINDOW_MS = 60_000;

/** The bodies of one provider, and how fast they go. */
interface Share {
  bytes: number;
  /** Gone in this window and the one before, which begin at multiples of the window's length. */
  window: number;
  gone: number;
  goneBefore: number;
}

/**
 * Bytes of the request bodies of this process's jobs, which stand in the queue and here: a bound on
 * what a backlog can cost in memory, of Redis and of the process. Half of it is set aside, the same
 * part for each provider, so that the backlog of one leaves room at all others.
 */
export class QueueBacklog {
  readonly #limitBytes: () => number;
  readonly #providers: number;
  readonly #now: () => number;
  readonly #shares = new Map<string, Share>();

  /** `limitBytes`: this process's share, which changes with the number of API processes. */
  constructor(limitBytes: () => number, options: BacklogOptions = {}) {
    const { providers = 1, now = () => performance.now() } = options;
    this.#limitBytes = limitBytes;
    this.#providers = providers;
    this.#now = now;
  }

  /** Throws `BrokerError` `rate_limit_exceeded` when another body of that size is too much. */
  check(bytes: number, provider = ""): void {
    const own = this.#shares.get(provider)?.bytes ?? 0;
    // A body larger than what there is could never be sent otherwise.
    if (own === 0) return;
    const limit = this.#limitBytes();
    const providers = this.#providers;
    const aside = providers > 1 ? limit / 2 / providers : 0;
    let used = Math.max(own + bytes, aside);
    for (const [name, share] of this.#shares)
      if (name !== provider) used += Math.max(share.bytes, aside);
    used += Math.max(0, providers - this.#shares.size) * aside;
    if (used > limit) throw queueIsFull({ retryAfterMs: this.#untilFree(provider, bytes) });
  }

  add(bytes: number, provider = ""): void {
    this.#shareOf(provider).bytes += bytes;
  }

  /** A body has gone with its job, to wherever. */
  remove(bytes: number, provider = ""): void {
    const share = this.#shareOf(provider);
    share.bytes -= bytes;
    share.gone += bytes;
  }

  #shareOf(provider: string): Share {
    let share = this.#shares.get(provider);
    const window = Math.floor(this.#now() / WINDOW_MS);
    if (share === undefined) {
      share = { bytes: 0, window, gone: 0, goneBefore: 0 };
      this.#shares.set(provider, share);
    } else if (share.window !== window) {
      share.goneBefore = share.window === window - 1 ? share.gone : 0;
      share.gone = 0;
      share.window = window;
    }
    return share;
  }

  /** How long as many bytes have taken to go, of late. */
  #untilFree(provider: string, bytes: number): number {
    const { gone, goneBefore } = this.#shareOf(provider);
    const elapsedMs = (this.#now() % WINDOW_MS) + (goneBefore > 0 ? WINDOW_MS : 0);
    if (gone + goneBefore === 0) return DEFAULT_RETRY_MS;
    const ms = (bytes * elapsedMs) / (gone + goneBefore);
    return Math.min(Math.max(ms, MIN_RETRY_MS), MAX_RETRY_MS);
  }
}
