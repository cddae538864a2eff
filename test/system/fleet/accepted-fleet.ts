import type { Simulator } from "../../../cli/simulate/simulator.ts";
import type { Database } from "../../../shared/db/database.ts";
import { newWebhookSecret } from "../../../shared/webhooks/rotate-secret.ts";
import { webhookEventTypes } from "../../../shared/webhooks/event-types.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { startTestRedis } from "../../support/redis.ts";
import type { TestRedis } from "../../support/test-redis.ts";
import { startReceiver, type Receiver } from "../webhooks/receiver.ts";
import { startFleet, type ApiProcess, type Fleet, type FleetOptions } from "./fleet.ts";

interface StartApisOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The APIs serve all tests of the file. */
  readonly lasting?: boolean;
}

/**
 * The fleet has all parts that accepted jobs need, and a receiver for the webhooks of their ends.
 */
export interface AcceptedFleet {
  readonly fleet: Fleet;
  readonly redis: TestRedis;
  readonly database: Database;
  readonly upstreams: Readonly<Record<string, Simulator>>;
  readonly hooks: Receiver;
  readonly apis: readonly [ApiProcess, ApiProcess];
  readonly key: string;
  /** Starts two APIs, which end with the test, as all processes do, or else with the fleet. */
  startApis(options?: StartApisOptions): Promise<void>;
  /** Kills one API and starts it again at its address. */
  restartApi(at: 0 | 1): Promise<void>;
  stop(): Promise<void>;
}

/** Starts no process yet. The fleet has a key of its own, whose endpoint gets all webhooks. */
export async function startAcceptedFleet(
  options: Pick<FleetOptions, "providers" | "models">,
): Promise<AcceptedFleet> {
  const resources = new AsyncDisposableStack();
  const test = await createTestDatabase();
  resources.defer(() => test.drop());
  const redis = await startTestRedis();
  resources.defer(() => redis.stop());
  const hooks = await startReceiver();
  resources.defer(() => hooks[Symbol.asyncDispose]());
  const fleet = await startFleet({
    ...options,
    databaseUrl: test.url,
    redisUrl: redis.url,
    models: `${options.models}\nwebhooks: { allow_networks: [127.0.0.0/8] }`,
  });
  resources.defer(() => fleet.stop());
  const key = await fleet.key({ budget: { limit_usd: "500", period: "total" } });
  await fleet.database.pool.query(
    `insert into webhook_endpoints (id, key_id, name, url, event_types, secret)
     select 'whe_all', id, 'all', $1, $2, $3 from keys`,
    [hooks.address, [...webhookEventTypes], newWebhookSecret()],
  );
  let apis: [ApiProcess, ApiProcess] | undefined;
  let starter: Pick<Fleet, "startApi"> = fleet;
  return {
    fleet,
    redis,
    database: fleet.database,
    upstreams: fleet.upstreams,
    hooks,
    get apis() {
      if (apis === undefined) throw new Error("no API runs");
      return apis;
    },
    key,
    async startApis({ env, lasting = false } = {}) {
      starter = lasting ? fleet.lasting : fleet;
      apis = await Promise.all([starter.startApi(env), starter.startApi(env)]);
    },
    async restartApi(at) {
      if (apis === undefined) throw new Error("no API runs");
      const api = apis[at];
      api.child.kill("SIGKILL");
      await api.ended;
      apis[at] = await starter.startApi({ SPILLWAY_PORT: new URL(api.url).port });
    },
    stop: () => resources.disposeAsync(),
  };
}
