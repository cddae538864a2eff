import { Pool, type PoolClient, type PoolConfig } from "pg";

/** Longer than the pauses of an idle process: to connect again costs more than many statements. */
const IDLE_CONNECTION_MS = 120_000;

type ConnectCallback = Parameters<Pool["connect"]>[0];

/**
 * A pool of which no lost connection ends the process. `pg` takes its own listener off a client that
 * is lent out, and an `error` event without one is thrown: a session that the server terminates while
 * its borrower awaits something else, or in the moment between being lent and being used, would be
 * the process's end (pg 8.23). Here each client keeps a listener for life; whoever uses it learns of the
 * loss from the next statement, and one that broke on its way to its borrower is not handed out.
 */
export class GuardedPool extends Pool {
  readonly #broken = new WeakSet<PoolClient>();

  /** `onIdleError` is told of errors that have nobody to reject: those of idle connections. */
  constructor(config: PoolConfig, onIdleError: (error: Error) => void) {
    super({ idleTimeoutMillis: IDLE_CONNECTION_MS, ...config });
    this.on("error", (error) => {
      // After its end, a server that stops may still find connections that are being closed.
      if (!this.ending) onIdleError(error);
    });
    this.on("connect", (client) => {
      client.on("error", () => this.#broken.add(client));
    });
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | void {
    // The pool's own statements: they are sent in the same tick, and listen.
    if (callback !== undefined) {
      super.connect(callback);
      return undefined;
    }
    return this.#connectWhole();
  }

  async #connectWhole(): Promise<PoolClient> {
    for (;;) {
      const client = await super.connect();
      if (!this.#broken.has(client)) return client;
      client.release(true);
    }
  }
}
