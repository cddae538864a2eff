import { inject } from "vitest";
import { lendRedis } from "./lent-redis.ts";
import { type OwnRedisOptions, startOwnRedis } from "./own-redis.ts";
import type { TestRedis } from "./test-redis.ts";

/**
 * Gives a test an empty Redis for itself, until `stop`. With options it is always a process of its
 * own, since the server of `REDIS_URL` does not change its settings for one test.
 */
export async function startTestRedis(options: OwnRedisOptions = {}): Promise<TestRedis> {
  const { url } = inject("redis");
  const borrows = url !== undefined && Object.keys(options).length === 0;
  return borrows ? await lendRedis(url) : await startOwnRedis(options);
}
