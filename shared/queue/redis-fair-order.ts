import type { Redis, Result } from "ioredis";
import { PRIORITY_BAND, type FairOrder } from "./fair-order.ts";
import { queueKeyPrefix } from "./redis-queue-backend.ts";

declare module "ioredis" {
  interface RedisCommander<Context> {
    spillwayRank(
      ranks: string,
      time: string,
      waiting: string,
      last: number,
      ttlMs: number,
      fromScore: string,
      toScore: string,
      ...tenants: readonly string[]
    ): Result<number[], Context>;
    spillwayStarted(time: string, rank: number, ttlMs: number): Result<number, Context>;
  }
}

/** The time after which a class without activity is forgotten and starts again. */
const TTL_MS = 3_600_000;
/** BullMQ's score is the priority times this factor, plus a count. */
const SCORE = 2 ** 32;

/**
 * KEYS: 1 sorted set of the tenants' last ranks, 2 virtual time, 3 BullMQ's waiting entries of all
 * classes. ARGV: 1 highest rank, 2 TTL in ms, 3 and 4 bounds of the class's scores in KEYS[3], 5…
 * tenants. Returns the next rank of each tenant. Ranks below virtual time have no more meaning and
 * are dropped. A class that has become empty starts again, but not in the middle of a burst, whose
 * entries come only after their ranks.
 */
const RANK = `
local now = tonumber(redis.call('GET', KEYS[2]) or '0')
if now > 0 and redis.call('ZCOUNT', KEYS[3], ARGV[3], ARGV[4]) == 0
   and (now > ARGV[1] / 2 or redis.call('PTTL', KEYS[1]) < ARGV[2] - 1000) then
  redis.call('DEL', KEYS[1], KEYS[2])
  now = 0
end
local ranks = {}
for at = 5, #ARGV do
  local last = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[at]) or '0')
  local rank = math.min(math.max(now, last) + 1, tonumber(ARGV[1]))
  redis.call('ZADD', KEYS[1], rank, ARGV[at])
  ranks[#ranks + 1] = rank
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return ranks`;

/** KEYS: 1 virtual time. ARGV: 1 rank of a started entry, 2 TTL in ms. */
const STARTED = `
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1`;

/** Starts are sent together, so virtual time may be late by this much. */
const TELL_MS = 20;

interface Asked {
  readonly tenant: string;
  readonly resolve: (rank: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Orders the entries of a fleet. All API processes share the order, in the Redis of the queues. */
export class RedisFairOrder implements FairOrder {
  readonly #redis: Redis;
  readonly #prefix: string;
  /** The callers that wait for the next call, by provider and class. */
  readonly #asked = new Map<string, Asked[]>();
  /**
   * The highest rank of started entries that Redis does not know yet, by the key of virtual time.
   */
  readonly #started = new Map<string, number>();

  /** The client's commands must fail rather than wait for a lost server. */
  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
    redis.defineCommand("spillwayRank", { numberOfKeys: 3, lua: RANK });
    redis.defineCommand("spillwayStarted", { numberOfKeys: 1, lua: STARTED });
  }

  async rank(provider: string, serviceClass: number, tenant: string): Promise<number> {
    const rank = await new Promise<number>((resolve, reject) => {
      const name = `${serviceClass} ${provider}`;
      const asked = this.#asked.get(name);
      if (asked !== undefined) {
        asked.push({ tenant, resolve, reject });
        return;
      }
      this.#asked.set(name, [{ tenant, resolve, reject }]);
      void this.#ask(name, provider, serviceClass);
    });
    return serviceClass * PRIORITY_BAND + rank;
  }

  left(provider: string, priority: number, started: boolean): void {
    if (!started) return;
    const time = `${this.#key(provider)}:time:${Math.floor(priority / PRIORITY_BAND)}`;
    const known = this.#started.get(time);
    this.#started.set(time, Math.max(known ?? 0, priority % PRIORITY_BAND));
    if (known === undefined) setTimeout(() => this.#tell(time), TELL_MS).unref();
  }

  async #ask(name: string, provider: string, serviceClass: number): Promise<void> {
    const queue = this.#key(provider);
    await Promise.resolve(); // calls of one tick go together
    for (;;) {
      const asked = this.#asked.get(name)?.splice(0) ?? [];
      if (asked.length === 0) break;
      try {
        const ranks = await this.#redis.spillwayRank(
          `${queue}:order:${serviceClass}`,
          `${queue}:time:${serviceClass}`,
          `${queue}:prioritized`,
          PRIORITY_BAND - 1,
          TTL_MS,
          String(serviceClass * PRIORITY_BAND * SCORE),
          `(${(serviceClass + 1) * PRIORITY_BAND * SCORE}`,
          ...asked.map(({ tenant }) => tenant),
        );
        for (const [at, { resolve }] of asked.entries()) resolve(ranks[at] ?? 1);
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    this.#asked.delete(name);
  }

  /**
   * A lost update makes virtual time late until the next start: other tenants wait a little less.
   */
  #tell(time: string): void {
    const rank = this.#started.get(time);
    this.#started.delete(time);
    if (rank !== undefined) this.#redis.spillwayStarted(time, rank, TTL_MS).catch(() => undefined);
  }

  /** The key has the same prefix as BullMQ's own keys of the queue. */
  #key(provider: string): string {
    return `${queueKeyPrefix(this.#prefix, provider)}:${provider}`;
  }
}
