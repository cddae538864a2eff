/** Runs one server, as a process or in a container. */
export interface RedisRunner {
  /**
   * Starts the server with these options, on the given port of 127.0.0.1 or on a free one. Resolves
   * with the port.
   */
  start(options: (port: number) => readonly string[], givenPort?: number): Promise<number>;
  /** Kills the server if it runs. */
  kill(): Promise<void>;
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Ends the server for good. */
  remove(): Promise<void>;
}
