import { admitStart } from "../../support/admitted-start.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startLane, type Lane, type LaneOptions } from "./lane.ts";

/** Lanes on one Redis, as many as tests run side by side. */
export class LanePool {
  readonly #redis: TestRedis;
  readonly #options: Pick<LaneOptions, "apis" | "workers">;
  readonly #all: Promise<Lane>[] = [];
  readonly #free: Lane[] = [];

  private constructor(redis: TestRedis, options: Pick<LaneOptions, "apis" | "workers">) {
    this.#redis = redis;
    this.#options = options;
  }

  static async open(options: Pick<LaneOptions, "apis" | "workers">): Promise<LanePool> {
    return new LanePool(await startTestRedis(), options);
  }

  /**
   * Does the work with a lane that nobody else has meanwhile. When it fails, the lane's victim is
   * killed, and nobody has the lane after.
   */
  async use(work: (lane: Lane) => Promise<void>): Promise<void> {
    const lane = this.#free.pop() ?? (await this.#start());
    try {
      await work(lane);
    } catch (error) {
      await lane.victim.end();
      throw error;
    }
    this.#free.push(lane);
  }

  async close(): Promise<void> {
    // One that did not start has closed itself, and failed its test.
    await Promise.allSettled(this.#all.map(async (lane) => (await lane).close()));
    await this.#redis.stop();
  }

  async #start(): Promise<Lane> {
    const hasStarted = await admitStart();
    const redisPrefix = `lane-${this.#all.length}`;
    const lane = startLane({ ...this.#options, redisUrl: this.#redis.url, redisPrefix });
    this.#all.push(lane);
    return await lane.finally(hasStarted);
  }
}
