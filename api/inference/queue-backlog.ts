import { queueIsFull } from "./queue-is-full.ts";

/**
 * Bytes of the request bodies of this process's jobs, which stand in the queue and here: a bound on
 * what a backlog can cost in memory, of Redis and of the process.
 */
export class QueueBacklog {
  readonly #limitBytes: () => number;
  #bytes = 0;

  /** `limitBytes`: this process's share, which changes with the number of API processes. */
  constructor(limitBytes: () => number) {
    this.#limitBytes = limitBytes;
  }

  /** Throws `BrokerError` `rate_limit_exceeded` when another body of that size is too much. */
  check(bytes: number): void {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#limitBytes()) throw queueIsFull();
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
  }
}
