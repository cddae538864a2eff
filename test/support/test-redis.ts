import type { Redis } from "ioredis";

/** A Redis that one test has for itself, to use and to break. */
export interface TestRedis {
  readonly url: string;
  /**
   * The certificate that clients must trust, as in `NODE_EXTRA_CA_CERTS`; undefined without TLS.
   */
  readonly caFile: string | undefined;
  /** Returns a connection for checks, opened by the first call; it reconnects by itself. */
  client(): Redis;
  /** Removes every key. */
  wipe(): Promise<void>;
  /** Kills the server; nothing listens until `restart`. */
  kill(): Promise<void>;
  /**
   * Starts the server again at the same address, and kills it first if it runs. It is empty, or has
   * the data of its file.
   */
  restart(): Promise<void>;
  /** After this the server accepts connections and bytes, but answers nothing. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  stop(): Promise<void>;
}
