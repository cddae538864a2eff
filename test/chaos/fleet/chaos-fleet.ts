import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../../cli/embedded-postgres/free-port.ts";
import { startSimulator, type Simulator } from "../../../cli/simulate/simulator.ts";
import { createKey } from "../../../shared/keys/create-key.ts";
import { createKeyInput } from "../../../shared/keys/key-input.ts";
import { newWebhookSecret } from "../../../shared/webhooks/rotate-secret.ts";
import { webhookEventTypes } from "../../../shared/webhooks/event-types.ts";
import { startReceiver, type Receiver } from "../../system/webhooks/receiver.ts";
import { startTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";
import { type ChaosPostgres, startChaosPostgres } from "./chaos-postgres.ts";
import { type ChaosRedis, startChaosRedis } from "./chaos-redis.ts";
import { SupervisedProcess } from "./supervised-process.ts";

export const processNames = ["api-1", "api-2", "worker-1", "worker-2", "worker-3"] as const;
export type ProcessName = (typeof processNames)[number];

export const providers = {
  "gpu-a": { location: "local", slots: 4 },
  "gpu-b": { location: "local", slots: 4 },
  cloud: { location: "cloud", slots: 8 },
} as const;
export type ProviderName = keyof typeof providers;

/** The places of network faults: between a process and a server, or in front of an upstream. */
export type LineName = `${"redis" | "postgres"} of ${ProcessName}` | `upstream ${ProviderName}`;

const KEYS = {
  free: {},
  other: {},
  /** For callers who keep no record of their jobs. */
  apart: {},
  local: { residency: "local" },
  budgeted: { budget: { limit_usd: 50, period: "day" } },
  /** This budget runs out in the middle of the run. */
  poor: { budget: { limit_usd: "0.004", period: "total" } },
} as const;
export type KeyName = keyof typeof KEYS;

export interface ChaosFleet {
  readonly postgres: ChaosPostgres;
  readonly redis: ChaosRedis;
  readonly upstreams: Readonly<Record<ProviderName, Simulator>>;
  readonly lines: Readonly<Record<LineName, TcpProxy>>;
  readonly processes: Readonly<Record<ProcessName, SupervisedProcess>>;
  readonly apiUrls: Readonly<Record<"api-1" | "api-2", string>>;
  /** Receives webhooks about all keys' jobs, and refuses some of them. */
  readonly hooks: Receiver;
  /** The keys' secrets. */
  readonly keys: Readonly<Record<KeyName, string>>;
  /** Waits until every process runs. Resolves with the names of those that do not. */
  whenReady(withinMs: number): Promise<string[]>;
  stop(): Promise<void>;
}

export interface ChaosFleetOptions {
  /** Starts one `spillway serve` under every name, without Redis, instead of the fleet. */
  readonly alone?: boolean;
  readonly redisKeepsFile: boolean;
  /** The configuration and the logs are in this directory. */
  readonly directory: string;
  readonly random: () => number;
  /** Milliseconds since the run's start. */
  readonly now: () => number;
}

/** The key of the admin API. */
export const ADMIN_KEY = "sk-admin-chaos";
const PACE = { ttftMs: 40, tokensPerSecond: 1_000 };
const READY_POLL_MS = 100;
/** The share of webhooks that the receiver refuses. */
const REFUSED = 0.3;

/** Starts servers, simulators, proxies and, between them, the processes of the broker. */
export async function startChaosFleet(options: ChaosFleetOptions): Promise<ChaosFleet> {
  await using resources = new AsyncDisposableStack();
  const postgres = await startChaosPostgres();
  resources.defer(() => postgres.stop());
  const redis = await startChaosRedis({ appendOnly: options.redisKeepsFile });
  resources.defer(() => redis.stop());
  const lines: Partial<Record<LineName, TcpProxy>> = {};
  const through = async (name: LineName, url: string): Promise<string> => {
    const proxy = await startTcpProxy("127.0.0.1", Number(new URL(url).port));
    resources.defer(() => proxy.close());
    lines[name] = proxy;
    return proxy.through(url);
  };

  const upstreams: Partial<Record<ProviderName, Simulator>> = {};
  const addresses: Partial<Record<ProviderName, string>> = {};
  for (const [name, { location, slots }] of providerEntries()) {
    const kind = location === "cloud" ? "cloud" : "gpu";
    const upstream = await startSimulator({ kind, slots, ...PACE, random: options.random });
    resources.defer(() => upstream.close());
    upstreams[name] = upstream;
    addresses[name] = await through(`upstream ${name}`, upstream.url);
  }
  await mkdir(options.directory, { recursive: true });
  const configFile = join(options.directory, "spillway.yaml");
  await writeFile(configFile, configText(addresses as Record<ProviderName, string>));

  const secrets: Partial<Record<KeyName, string>> = {};
  for (const [name, fields] of Object.entries(KEYS)) {
    const input = createKeyInput.parse({ name, ...fields });
    secrets[name as KeyName] = (await createKey(postgres.database.pool, input)).secret;
  }

  const hooks = await startReceiver();
  resources.defer(() => hooks[Symbol.asyncDispose]());
  hooks.answer = () => ({ status: options.random() < REFUSED ? 500 : 204 });
  await postgres.database.pool.query(
    `insert into webhook_endpoints (id, key_id, name, url, event_types, secret)
     select 'whe_' || id, id, name, $1, $2, $3 from keys`,
    [hooks.address, [...webhookEventTypes], newWebhookSecret()],
  );

  const processes: Partial<Record<ProcessName, SupervisedProcess>> = {};
  const apiUrls: Partial<Record<ProcessName, string>> = {};
  const { alone = false } = options;
  for (const name of processNames) {
    const [one] = Object.values(processes);
    if (alone && one !== undefined) {
      processes[name] = one;
      apiUrls[name] = apiUrls["api-1"] ?? "";
      continue;
    }
    const kind = alone ? "serve" : name.startsWith("api") ? "api" : "worker";
    const port = kind === "worker" ? undefined : await freePort();
    if (port !== undefined) apiUrls[name] = `http://127.0.0.1:${port}`;
    const started = new SupervisedProcess({
      name,
      kind,
      now: options.now,
      logFile: join(options.directory, `${name}.log`),
      env: {
        DATABASE_URL: await through(`postgres of ${name}`, postgres.url),
        ...(alone
          ? { SPILLWAY_DATA_DIR: options.directory }
          : { REDIS_URL: await through(`redis of ${name}`, `redis://127.0.0.1:${redis.port}`) }),
        SPILLWAY_CONFIG: configFile,
        SPILLWAY_ADMIN_KEY: ADMIN_KEY,
        LOG_LEVEL: "info",
        ...(port === undefined ? {} : { SPILLWAY_PORT: String(port) }),
      },
    });
    resources.defer(() => started.kill());
    processes[name] = started;
    started.start();
  }
  const all = [...new Set(Object.values(processes))];
  const owned = resources.move();
  return {
    postgres,
    redis,
    upstreams: upstreams as ChaosFleet["upstreams"],
    lines: lines as ChaosFleet["lines"],
    processes: processes as ChaosFleet["processes"],
    apiUrls: apiUrls as ChaosFleet["apiUrls"],
    hooks,
    keys: secrets as ChaosFleet["keys"],
    async whenReady(withinMs) {
      const untilMs = options.now() + withinMs;
      while (options.now() < untilMs && !all.every(({ isReady }) => isReady))
        await sleep(READY_POLL_MS);
      return all.filter(({ isReady }) => !isReady).map(({ name }) => name);
    },
    stop: () => owned.disposeAsync(),
  };
}

function providerEntries(): [ProviderName, (typeof providers)[ProviderName]][] {
  return Object.entries(providers) as [ProviderName, (typeof providers)[ProviderName]][];
}

function configText(addresses: Readonly<Record<ProviderName, string>>): string {
  const targets = (names: readonly ProviderName[]): string =>
    `[${names.map((name) => `{ provider: ${name}, model: m }`).join(", ")}]`;
  const route = (name: string): string[] => [
    `  ${name}:`,
    `    serve: ${targets(["gpu-a", "gpu-b"])}`,
    `    overflow: ${targets(["cloud"])}`,
    "    overflow_when: { waited: 2s, failed: true }",
    "    max_output_tokens: 20000",
  ];
  return [
    "providers:",
    ...providerEntries().flatMap(([name, { location, slots }]) => [
      `  ${name}:`,
      `    location: ${location}`,
      `    base_url: ${addresses[name]}`,
      `    slots: ${slots}`,
      `    price: ${location === "cloud" ? "{ input: 2, output: 4 }" : "{ input: 1, output: 1 }"}`,
      "    timeouts: { connect: 2s, first_byte: 8s, idle: 4s }",
    ]),
    "models:",
    ...route("chat"),
    ...route("embed"),
    "webhooks: { allow_networks: [127.0.0.0/8] }",
    "",
  ].join("\n");
}
