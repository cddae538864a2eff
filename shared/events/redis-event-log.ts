import type { Redis, Result } from "ioredis";
import { openRedis } from "../redis/open-redis.ts";
import type { AttemptLog, EventLog } from "./event-log.ts";
import { LogWriter, type LogPart } from "./log-writer.ts";
import { oncePerTick } from "./once-per-tick.ts";
import { RedisSubscriber } from "./redis-subscriber.ts";

declare module "ioredis" {
  interface RedisCommander<Context> {
    spillwayAppend(
      log: string,
      channel: string,
      ttlMs: number,
      first: number,
      ...events: readonly string[]
    ): Result<number, Context>;
    spillwayRead(
      log: string,
      from: number,
      maxEvents: number,
      maxBytes: number,
    ): Result<string[], Context>;
  }
}

export interface RedisEventLogOptions {
  /**
   * The connection that writes and reads. Its commands must fail rather than wait for a lost
   * server.
   */
  readonly redis: Redis;
  readonly redisUrl: string;
  /** The prefix of all keys. */
  readonly redisPrefix: string;
  readonly onError: (error: Error) => void;
}

/** The life of a log after its last write. */
const TTL_MS = 3_600_000;
const PAGE_EVENTS = 200;
const PAGE_BYTES = 1024 * 1024;
const DRAIN_MS = 3_000;

/**
 * KEYS: 1 log, a stream. ARGV: 1 channel to wake, 2 TTL in ms, 3 number of the first event, 4…
 * events. Event n has the id n+1, since a stream has no entry 0. Wiped events leave a gap and never
 * cause a wrong number.
 */
const APPEND = `
for at = 4, #ARGV do
  redis.call('XADD', KEYS[1], string.format('%d-0', ARGV[3] + at - 3), 'e', ARGV[at])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('PUBLISH', ARGV[1], '')`;

/**
 * KEYS: 1 log. ARGV: 1 number of the first event, 2 and 3 events and bytes of a page. A page ends
 * with the event that reaches one of the two limits, or before a gap.
 */
const READ = `
local page, bytes, id = {}, 0, ARGV[1] + 1
while #page < tonumber(ARGV[2]) and bytes < tonumber(ARGV[3]) do
  local found = redis.call('XRANGE', KEYS[1], string.format('%d-0', id), '+', 'COUNT', 16)
  for _, entry in ipairs(found) do
    if entry[1] ~= string.format('%d-0', id) then return page end
    if bytes >= tonumber(ARGV[3]) then return page end
    page[#page + 1] = entry[2][2]
    bytes = bytes + #entry[2][2]
    id = id + 1
  end
  if #found < 16 then return page end
end
return page`;

/**
 * Event logs of a fleet. Each attempt has a Redis Stream, and each job a channel that wakes
 * followers.
 */
export class RedisEventLog implements EventLog {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #onError: (error: Error) => void;
  readonly #subscriber: RedisSubscriber;
  readonly #writer = new LogWriter((parts) => this.#write(parts));
  readonly announce = oncePerTick<string>((jobs) => {
    for (const job of jobs) this.#redis.publish(this.#channel(job), "").catch(() => undefined);
  });

  /** The caller closes `redis`. */
  constructor({ redis, redisUrl: url, redisPrefix, onError }: RedisEventLogOptions) {
    this.#redis = redis;
    this.#redis.defineCommand("spillwayAppend", { numberOfKeys: 1, lua: APPEND });
    this.#redis.defineCommand("spillwayRead", { numberOfKeys: 1, lua: READ });
    this.#prefix = redisPrefix;
    this.#onError = onError;
    this.#subscriber = new RedisSubscriber({
      openSubscriber: () => openRedis({ url, role: "consumer", onError }),
      channelOf: (job) => this.#channel(job),
    });
  }

  attempt(job: string, fence: number): AttemptLog {
    return this.#writer.open(job, fence);
  }

  async read(job: string, fence: number, from: number): Promise<readonly string[]> {
    return await this.#redis.spillwayRead(this.#key(job, fence), from, PAGE_EVENTS, PAGE_BYTES);
  }

  follow(job: string, onChange: () => void): Promise<() => void> {
    return this.#subscriber.follow(job, onChange);
  }

  async forget(job: string, lastFence: number): Promise<void> {
    const logs = Array.from({ length: lastFence }, (_, index) => this.#key(job, index + 1));
    if (logs.length > 0) await this.#redis.unlink(...logs).catch(this.#onError);
  }

  async close(): Promise<void> {
    await this.#writer.drain(DRAIN_MS);
    await this.#subscriber.close();
  }

  async #write(parts: readonly LogPart[]): Promise<ReadonlySet<LogPart>> {
    const lost = new Set<LogPart>();
    let failure: unknown;
    const append = async (part: LogPart): Promise<void> => {
      try {
        const log = this.#key(part.job, part.fence);
        const channel = this.#channel(part.job);
        await this.#redis.spillwayAppend(log, channel, TTL_MS, part.first, ...part.events);
      } catch (error) {
        if (isKeptAlready(error)) return;
        lost.add(part);
        failure = error;
      }
    };
    await Promise.all(parts.map(append));
    if (failure !== undefined) this.#onError(failure as Error);
    return lost;
  }

  #key(job: string, fence: number): string {
    return `${this.#prefix}:log:${job}.${fence}`;
  }

  #channel(job: string): string {
    return `${this.#prefix}:wake:${job}`;
  }
}

/**
 * The client repeats a command when the connection breaks before its answer. Only this log adds to
 * its stream.
 */
function isKeptAlready(error: unknown): boolean {
  return error instanceof Error && error.message.includes("equal or smaller");
}
