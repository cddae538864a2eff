import type { Redis } from "ioredis";

/** A Redis that one test has for itself, to use and to break. */
export interface TestRedis {
  readonly url: string;
  /** What clients have to trust, as in `NODE_EXTRA_CA_CERTS`; undefined without TLS. */
  readonly caFile: string | undefined;
  /** A connection for looking, made at the first call; it comes back by itself. */
  client(): Redis;
  /** Removes every key. */
  wipe(): Promise<void>;
  /** Ends the server without a goodbye; nothing listens until `restart`. */
  kill(): Promise<void>;
  /** Starts it again at the same address, killed first if it runs: empty, or from its file. */
  restart(): Promise<void>;
  /** From now on it takes connections and bytes, and answers nothing. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  stop(): Promise<void>;
}
