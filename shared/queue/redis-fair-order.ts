import type { Redis, Result } from "ioredis";
import { PRIORITY_BAND, type FairOrder } from "./fair-order.ts";
import { queueKeyPrefix } from "./queue-key-prefix.ts";

declare module "ioredis" {
  interface RedisCommander<Context> {
    spillwayRank(
      ranks: string,
      time: string,
      waiting: string,
      tenant: string,
      last: number,
      ttlMs: number,
    ): Result<number, Context>;
    spillwayStarted(time: string, rank: number, ttlMs: number): Result<number, Context>;
  }
}

/** Of a class in which nothing happens; then it begins anew. */
const TTL_MS = 3_600_000;

/**
 * KEYS: 1 sorted set of the tenants' last ranks, 2 virtual time, 3 BullMQ's waiting entries of all
 * classes. ARGV: 1 tenant, 2 highest rank, 3 TTL in ms. Returns the tenant's next rank. Ranks that
 * time has passed say nothing any more and are dropped. An empty queue begins anew, but not in the
 * middle of a burst, whose entries come only after their ranks.
 */
const RANK = `
local now = tonumber(redis.call('GET', KEYS[2]) or '0')
if now > 0 and redis.call('ZCARD', KEYS[3]) == 0
   and (now > ARGV[2] / 2 or redis.call('PTTL', KEYS[1]) < ARGV[3] - 1000) then
  redis.call('DEL', KEYS[1], KEYS[2])
  now = 0
end
local last = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
local rank = math.min(math.max(now, last) + 1, tonumber(ARGV[2]))
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], rank, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return rank`;

/** KEYS: 1 virtual time. ARGV: 1 rank of a started entry, 2 TTL in ms. */
const STARTED = `
if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1`;

/** The order of a fleet, shared by all API processes, beside the queues that it orders. */
export class RedisFairOrder implements FairOrder {
  readonly #redis: Redis;
  readonly #prefix: string;
  /** Started entries that Redis has not heard of: the highest rank of each time key. */
  readonly #started = new Map<string, number>();

  /** The client's commands must fail rather than wait for a server that is away. */
  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
    redis.defineCommand("spillwayRank", { numberOfKeys: 3, lua: RANK });
    redis.defineCommand("spillwayStarted", { numberOfKeys: 1, lua: STARTED });
  }

  async rank(provider: string, serviceClass: number, tenant: string): Promise<number> {
    const queue = this.#key(provider);
    const rank = await this.#redis.spillwayRank(
      `${queue}:order:${serviceClass}`,
      `${queue}:time:${serviceClass}`,
      `${queue}:prioritized`,
      tenant,
      PRIORITY_BAND - 1,
      TTL_MS,
    );
    return serviceClass * PRIORITY_BAND + rank;
  }

  left(provider: string, priority: number, started: boolean): void {
    if (!started) return;
    const time = `${this.#key(provider)}:time:${Math.floor(priority / PRIORITY_BAND)}`;
    const known = this.#started.get(time);
    this.#started.set(time, Math.max(known ?? 0, priority % PRIORITY_BAND));
    if (known === undefined) queueMicrotask(() => this.#tell(time));
  }

  /** Virtual time that is not told lags until the next start: others wait a little less. */
  #tell(time: string): void {
    const rank = this.#started.get(time);
    this.#started.delete(time);
    if (rank !== undefined) this.#redis.spillwayStarted(time, rank, TTL_MS).catch(() => undefined);
  }

  /** BullMQ's own keys of the queue begin so. */
  #key(provider: string): string {
    return `${queueKeyPrefix(this.#prefix, provider)}:${provider}`;
  }
}
