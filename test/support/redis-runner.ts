/** Runs one server, as a process or in a container. */
export interface RedisRunner {
  /** Starts it with these options, on a free port of 127.0.0.1 or on the given one; which it is. */
  start(options: (port: number) => readonly string[], givenPort?: number): Promise<number>;
  /** Ends it without a goodbye, if it runs. */
  kill(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends it for good. */
  remove(): Promise<void>;
}
