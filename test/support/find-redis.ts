import type { SharedRedisContainer } from "./shared-redis-container.ts";

/** The Redis servers that tests can use. */
export interface RedisSource {
  /** Tests borrow databases in this running server. */
  readonly url: string | undefined;
  /** Tests start servers of their own with this program. */
  readonly program: string | undefined;
  /** The image for servers of their own where there is no program. */
  readonly image: string | undefined;
}

export interface FoundRedis extends RedisSource {
  /** Stops a server that was started for the run. */
  stop(): Promise<void>;
}

/** The ways to get Redis; each is tried when all before it failed. */
export interface RedisWays {
  /** The value of `REDIS_URL`. */
  readonly url: string | undefined;
  /** Rejects when no usable server answers at the URL. */
  checkUrl(url: string): Promise<void>;
  /**
   * Resolves with the path of `redis-server` or `valkey-server`, or undefined when neither is
   * installed.
   */
  findProgram(): Promise<string | undefined>;
  /**
   * Resolves with undefined when no Docker engine answers. Rejects when the engine answers but the
   * server does not start.
   */
  startContainer(): Promise<SharedRedisContainer | undefined>;
  /** Undefined unless the system is Debian and the user is root. */
  readonly installPackage: (() => Promise<void>) | undefined;
  /** Prints a line for the person who runs the tests. */
  log(line: string): void;
}

const nothingToStop = (): Promise<void> => Promise.resolve();
const withProgram = (program: string): FoundRedis => ({
  url: undefined,
  program,
  image: undefined,
  stop: nothingToStop,
});

/**
 * Finds Redis, and starts or installs it when necessary. Throws an `Error` that says what to do.
 */
export async function findRedis(ways: RedisWays): Promise<FoundRedis> {
  if (ways.url !== undefined) {
    await ways.checkUrl(ways.url);
    const program = await ways.findProgram();
    return { url: ways.url, program, image: undefined, stop: nothingToStop };
  }
  const program = await ways.findProgram();
  if (program !== undefined) return withProgram(program);

  const failures: string[] = [];
  const recording = (way: string) => (error: unknown) => {
    failures.push(`${way}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  };
  const container = await ways.startContainer().catch(recording("Docker"));
  if (container !== undefined) {
    ways.log("The tests use a Redis in a container of their own.");
    const { url, image } = container;
    return { url, program: undefined, image, stop: () => container.stop() };
  }
  if (ways.installPackage !== undefined) {
    ways.log("The tests need Redis: installing the Debian package redis-server.");
    await ways.installPackage().catch(recording("apt-get"));
    const installed = await ways.findProgram();
    if (installed !== undefined) return withProgram(installed);
  }
  const tried = failures.length === 0 ? "" : ` (${failures.join("; ")})`;
  throw new Error(
    "The tests need Redis: install redis-server or valkey-server, set REDIS_URL, start Docker, " +
      `or run them as root on Debian, which installs it${tried}.`,
  );
}
