import { pino } from "pino";
import { startApiProcess } from "../../../cli/processes/api.ts";
import type { ProcessOptions } from "../../../cli/processes/process-options.ts";
import { startWorkerProcess, type WorkerProcess } from "../../../cli/processes/worker.ts";
import { loadConfig } from "../../../config/load-config.ts";
import { openProviderQueues, type ProviderQueues } from "../../../shared/queue/provider-queues.ts";
import { closeRedis, openRedis } from "../../../shared/redis/open-redis.ts";
import { redisQueueBackend } from "../../../shared/queue/redis-queue-backend.ts";
import { startFleet, type Fleet } from "../fleet/fleet.ts";
import { createTestDatabase } from "../../support/postgres.ts";
import { startReceiver, type Receiver } from "../webhooks/receiver.ts";
import { slowerLoops } from "./slower-loops.ts";
import { HarmedProcesses } from "./harmed-processes.ts";

/** Slots of each provider. */
export const SLOTS = 2;

/**
 * A fleet whose processes survive, on a database and Redis keys of its own. Harmed processes join
 * it.
 */
export interface SurvivingFleet extends Pick<Fleet, "database" | "upstreams" | "env"> {
  /** Ends with `/v1`, of each surviving API. */
  readonly apis: readonly { readonly baseUrl: string }[];
  readonly key: string;
  /** Told of all that becomes of the key's accepted jobs. */
  readonly hooks: Pick<Receiver, "received">;
  /** For looking into the queues, and for losing an entry. */
  readonly queues: ProviderQueues;
  readonly harmed: HarmedProcesses;
  /** Redis keeps its data and forgets which server it is, as one that has been wiped. */
  forgetEpoch(): Promise<void>;
  /** No worker runs any more but a harmed process. */
  stopWorkers(): Promise<void>;
  /** They run again, if they do not. */
  startWorkers(): Promise<void>;
  close(): Promise<void>;
}

export interface SurvivingFleetOptions {
  readonly redisUrl: string;
  readonly redisPrefix: string;
  readonly apis: number;
  readonly workers: number;
}

const models = `
  plain: { serve: [{ provider: gpu-a, model: a }], overflow_when: { waited: never, failed: false } }
  other: { serve: [{ provider: gpu-b, model: b }], overflow_when: { waited: never, failed: false } }
  both: { serve: [{ provider: gpu-a, model: a }, { provider: gpu-b, model: b }] }
  spill:
    serve: [{ provider: gpu-a, model: a }]
    overflow: [{ provider: gpu-b, model: b }]
    overflow_when: { waited: never, failed: true }
  large: { serve: [{ provider: gpu-c, model: c }], max_output_tokens: 100000 }
webhooks: { allow_networks: [127.0.0.0/8] }`;

const batchTypes = ["completed", "failed", "cancelled"].map((end) => `batch.${end}`);

const eventTypes = ["completed", "failed", "cancelled"].flatMap((end) => [
  `job.${end}`,
  `response.${end}`,
]);

/**
 * Starts one: `apis` and `workers` of them in this process, beside the harmed processes to come.
 */
export async function startSurvivingFleet(options: SurvivingFleetOptions): Promise<SurvivingFleet> {
  const { redisUrl, redisPrefix } = options;
  await using resources = new AsyncDisposableStack();
  const test = await createTestDatabase();
  resources.defer(() => test.drop());
  // An answer takes a while: as long as there are requests, all slots are in use at once.
  const pace = { slots: SLOTS, ttftMs: 150, tokensPerSecond: 100 };
  const fleet = await startFleet({
    databaseUrl: test.url,
    redisUrl,
    providers: { "gpu-a": pace, "gpu-b": pace, "gpu-c": { slots: SLOTS } },
    models,
    server: "{ attach_retries: true }",
  });
  resources.defer(() => fleet.stop());
  const hooks = await startReceiver();
  resources.defer(() => hooks[Symbol.asyncDispose]());
  const env: SurvivingFleet["env"] = { ...fleet.env, SPILLWAY_REDIS_PREFIX: redisPrefix };
  const processOptions: ProcessOptions = {
    config: loadConfig(env["SPILLWAY_CONFIG"] ?? "", () => undefined),
    databaseUrl: test.url,
    directUrl: test.url,
    redisUrl,
    redisPrefix,
    cadences: slowerLoops,
    log: pino({ level: process.env["TEST_LOG_LEVEL"] ?? "silent" }),
  };
  const backend = redisQueueBackend({
    url: redisUrl,
    prefix: redisPrefix,
    onError: () => undefined,
  });
  resources.defer(() => backend.close());
  const redis = openRedis({ url: redisUrl, role: "consumer", onError: () => undefined });
  resources.defer(() => closeRedis(redis));
  const queues = openProviderQueues(backend, ["gpu-a", "gpu-b", "gpu-c"]);
  resources.defer(() => queues.close());
  let workers: readonly WorkerProcess[] = [];
  const stopWorkers = async (): Promise<void> => {
    const running = workers;
    workers = [];
    await Promise.all(running.map((worker) => worker.stop(0)));
  };
  const startWorkers = async (): Promise<void> => {
    if (workers.length > 0) return;
    workers = await Promise.all(
      Array.from({ length: options.workers }, () =>
        startWorkerProcess({ ...processOptions, listen: undefined }),
      ),
    );
  };
  await startWorkers();
  resources.defer(stopWorkers);
  const apis: { baseUrl: string }[] = [];
  for (let number = 0; number < options.apis; number++) {
    const address = { adminKey: "sk-admin-test", host: "127.0.0.1", port: 0 };
    const api = await startApiProcess({ ...processOptions, ...address });
    resources.defer(() => api.stop(0));
    apis.push({ baseUrl: `${api.url}/v1` });
  }
  const key = await fleet.key({ budget: { limit_usd: "50", period: "total" } });
  const endpoint = {
    name: "all",
    url: hooks.address,
    event_types: [...eventTypes, "job.expired", ...batchTypes],
  };
  const listening = await fetch(`${apis[0]?.baseUrl}/webhook_endpoints`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(endpoint),
  });
  if (!listening.ok) throw new Error(await listening.text());
  const harmed = new HarmedProcesses({ database: fleet.database, env });
  resources.defer(() => harmed.end());
  const kept = resources.move();
  return {
    database: fleet.database,
    upstreams: fleet.upstreams,
    env,
    apis,
    key,
    hooks,
    queues,
    harmed,
    async forgetEpoch() {
      await redis.del(`${redisPrefix}:epoch`);
    },
    stopWorkers,
    startWorkers,
    close: () => kept.disposeAsync(),
  };
}
