import type { SharedRedisContainer } from "./shared-redis-container.ts";

/** Where the tests get Redis from. */
export interface RedisSource {
  /** A server that stands already, in which tests borrow databases. */
  readonly url: string | undefined;
  /** The program with which tests start servers of their own. */
  readonly program: string | undefined;
  /** The image with which they do without one. */
  readonly image: string | undefined;
}

export interface FoundRedis extends RedisSource {
  /** Ends what was started. */
  stop(): Promise<void>;
}

/** The ways to Redis, each tried when those before it led nowhere. */
export interface RedisWays {
  /** `REDIS_URL`. */
  readonly url: string | undefined;
  /** Rejects when no usable server answers there. */
  checkUrl(url: string): Promise<void>;
  /** The path of `redis-server` or `valkey-server`; undefined: neither is there. */
  findProgram(): Promise<string | undefined>;
  /** Undefined: no Docker engine answers. Rejects when one does, but the server does not start. */
  startContainer(): Promise<SharedRedisContainer | undefined>;
  /** Undefined: not Debian, or not root. */
  readonly installPackage: (() => Promise<void>) | undefined;
  /** A line for whoever runs the tests. */
  log(line: string): void;
}

const nothingToStop = (): Promise<void> => Promise.resolve();
const withProgram = (program: string): FoundRedis => ({
  url: undefined,
  program,
  image: undefined,
  stop: nothingToStop,
});

/** Finds Redis, started or installed if need be. Throws an `Error` that says what to do. */
export async function findRedis(ways: RedisWays): Promise<FoundRedis> {
  if (ways.url !== undefined) {
    await ways.checkUrl(ways.url);
    const program = await ways.findProgram();
    return { url: ways.url, program, image: undefined, stop: nothingToStop };
  }
  const program = await ways.findProgram();
  if (program !== undefined) return withProgram(program);

  const failures: string[] = [];
  const noting = (way: string) => (error: unknown) => {
    failures.push(`${way}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  };
  const container = await ways.startContainer().catch(noting("Docker"));
  if (container !== undefined) {
    ways.log("The tests use a Redis in a container of their own.");
    const { url, image } = container;
    return { url, program: undefined, image, stop: () => container.stop() };
  }
  if (ways.installPackage !== undefined) {
    ways.log("The tests need Redis: installing the Debian package redis-server.");
    await ways.installPackage().catch(noting("apt-get"));
    const installed = await ways.findProgram();
    if (installed !== undefined) return withProgram(installed);
  }
  const tried = failures.length === 0 ? "" : ` (${failures.join("; ")})`;
  throw new Error(
    "The tests need Redis: install redis-server or valkey-server, set REDIS_URL, start Docker, " +
      `or run them as root on Debian, which installs it${tried}.`,
  );
}
