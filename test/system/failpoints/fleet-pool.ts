import { admitStart } from "../../support/admitted-start.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import {
  startSurvivingFleet,
  type SurvivingFleet,
  type SurvivingFleetOptions,
} from "./surviving-fleet.ts";

/** Fleets on one Redis, as many as tests run side by side. */
export class FleetPool {
  readonly #redis: TestRedis;
  readonly #options: Pick<SurvivingFleetOptions, "apis" | "workers">;
  readonly #all: Promise<SurvivingFleet>[] = [];
  readonly #free: SurvivingFleet[] = [];

  private constructor(redis: TestRedis, options: Pick<SurvivingFleetOptions, "apis" | "workers">) {
    this.#redis = redis;
    this.#options = options;
  }

  static async open(options: Pick<SurvivingFleetOptions, "apis" | "workers">): Promise<FleetPool> {
    return new FleetPool(await startTestRedis(), options);
  }

  /**
   * Does the work with a fleet that nobody else has meanwhile. When it fails, the fleet's harmed
   * process is killed, and nobody has the fleet after.
   */
  async use(work: (fleet: SurvivingFleet) => Promise<void>): Promise<void> {
    const fleet = this.#free.pop() ?? (await this.#start());
    try {
      await work(fleet);
    } catch (error) {
      await fleet.harmed.end();
      throw error;
    }
    this.#free.push(fleet);
  }

  async close(): Promise<void> {
    // One that did not start has closed itself, and failed its test.
    await Promise.allSettled(this.#all.map(async (fleet) => (await fleet).close()));
    await this.#redis.stop();
  }

  async #start(): Promise<SurvivingFleet> {
    const hasStarted = await admitStart();
    const redisPrefix = `fleet-${this.#all.length}`;
    const fleet = startSurvivingFleet({ ...this.#options, redisUrl: this.#redis.url, redisPrefix });
    this.#all.push(fleet);
    return await fleet.finally(hasStarted);
  }
}
