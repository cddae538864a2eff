import { Pool, type PoolClient, type PoolConfig } from "pg";

/**
 * This is longer than the pauses of an idle process, since a new connection costs more than many
 * statements.
 */
const IDLE_CONNECTION_MS = 120_000;

export type ConnectCallback = Parameters<Pool["connect"]>[0];

/**
 * A pool whose lost connections never end the process. `pg` removes its own listener from a client
 * that is lent out, and an `error` event without a listener is thrown (pg 8.23). So the process
 * would end when the server terminates a session while its borrower awaits something else, or
 * between lending and use. Here each client keeps a listener for life. Its user learns of the loss
 * from the next statement, and a client that broke on its way to the borrower is not handed out.
 */
export class GuardedPool extends Pool {
  readonly #broken = new WeakSet<PoolClient>();

  /** `onIdleError` gets the errors of idle connections, which no statement can report. */
  constructor(config: PoolConfig, onIdleError: (error: Error) => void) {
    super({ idleTimeoutMillis: IDLE_CONNECTION_MS, ...config });
    this.on("error", (error) => {
      // After the pool's end, a stopping server may still find connections that are being closed.
      if (!this.ending) onIdleError(error);
    });
    this.on("connect", (client) => {
      client.on("error", () => this.#broken.add(client));
    });
  }

  override connect(): Promise<PoolClient>;
  override connect(callback: ConnectCallback): void;
  override connect(callback?: ConnectCallback): Promise<PoolClient> | void {
    // The pool's own statements come here. They are sent in the same tick and have a listener.
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
