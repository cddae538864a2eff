import { queueIsFull } from "./queue-is-full.ts";

export interface BacklogOptions {
  /** The number of providers that share one half of the limit. The default is one. */
  readonly providers?: number;
  /** Reads a clock in milliseconds that only goes forward. */
  readonly now?: () => number;
}

/** The advice while a queue's speed is unknown. */
const DEFAULT_RETRY_MS = 5_000;
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
/** The speed of a queue is measured over one or two windows. */
const WINDOW_MS = 60_000;

/** The bodies that wait for one provider, and their speed. */
interface Share {
  bytes: number;
  /** The number of the current window. Windows begin at multiples of their length. */
  window: number;
  /** Bytes that left in this window. */
  leftBytes: number;
  /** Bytes that left in the window before. */
  leftBytesBefore: number;
}

/**
 * Counts the bytes of the request bodies of this process's jobs, which are in the queue and here. Their
 * limit bounds the memory that a backlog takes in Redis and in the process. Half of the limit is set
 * aside in equal parts for the providers, so that the backlog of one leaves room at all others.
 */
export class QueueBacklog {
  readonly #limitBytes: () => number;
  readonly #providers: number;
  readonly #now: () => number;
  readonly #shares = new Map<string, Share>();

  /** `limitBytes` is this process's share, which changes with the number of API processes. */
  constructor(limitBytes: () => number, options: BacklogOptions = {}) {
    const { providers = 1, now = () => performance.now() } = options;
    this.#limitBytes = limitBytes;
    this.#providers = providers;
    this.#now = now;
  }

  /**
   * Throws `BrokerError` `rate_limit_exceeded` when there is no room for another body of this size.
   */
  check(bytes: number, provider = ""): void {
    const own = this.#shares.get(provider)?.bytes ?? 0;
    // A body larger than the limit could never be sent otherwise.
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

  /** Takes a body out of the count, because its job has ended or moved. */
  remove(bytes: number, provider = ""): void {
    const share = this.#shareOf(provider);
    share.bytes -= bytes;
    share.leftBytes += bytes;
  }

  #shareOf(provider: string): Share {
    let share = this.#shares.get(provider);
    const window = Math.floor(this.#now() / WINDOW_MS);
    if (share === undefined) {
      share = { bytes: 0, window, leftBytes: 0, leftBytesBefore: 0 };
      this.#shares.set(provider, share);
    } else if (share.window !== window) {
      share.leftBytesBefore = share.window === window - 1 ? share.leftBytes : 0;
      share.leftBytes = 0;
      share.window = window;
    }
    return share;
  }

  /** Returns the time that this many bytes have lately taken to leave. */
  #untilFree(provider: string, bytes: number): number {
    const { leftBytes, leftBytesBefore } = this.#shareOf(provider);
    const elapsedMs = (this.#now() % WINDOW_MS) + (leftBytesBefore > 0 ? WINDOW_MS : 0);
    if (leftBytes + leftBytesBefore === 0) return DEFAULT_RETRY_MS;
    const ms = (bytes * elapsedMs) / (leftBytes + leftBytesBefore);
    return Math.min(Math.max(ms, MIN_RETRY_MS), MAX_RETRY_MS);
  }
}
