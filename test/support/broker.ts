import { pino } from "pino";
import { startAllInOne, type AllInOne } from "../../cli/processes/all-in-one.ts";
import {
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from "../../cli/simulate/simulator.ts";
import { parseConfig } from "../../config/load-config.ts";
import { openDatabase, type Database } from "../../shared/db/database.ts";
import type { Cadences } from "../../shared/timing/cadences.ts";
import { createTestDatabase } from "./postgres.ts";

const ADMIN_KEY = "sk-admin-test";

/**
 * The test broker has a simulated upstream with these options and this part of the configuration.
 */
interface TestProvider extends Partial<SimulatorOptions> {
  readonly location?: "local" | "cloud";
  /** The provider's slots in the configuration; the simulator has as many unless `slots` is set. */
  readonly brokerSlots?: number;
  /** USD per million tokens. */
  readonly price?: { readonly input: number; readonly output: number };
  /** The provider has these further lines, as YAML flow text, e.g. `timeouts: { idle: 300ms }`. */
  readonly yaml?: string;
  /** Another address instead of a simulator. */
  readonly baseUrl?: string;
}

export interface TestBrokerOptions {
  readonly providers: Readonly<Record<string, TestProvider>>;
  /** The `models:` part of the configuration is YAML text, indented by two spaces. */
  readonly models: string;
  /** The `server:` part is YAML flow text. */
  readonly server?: string;
  readonly heartbeatMs?: number;
  readonly cadences?: Cadences;
}

/** The whole broker has its own database and simulated upstreams. */
export interface TestBroker {
  /** The base URL, which ends with `/v1`. */
  readonly baseUrl: string;
  readonly url: string;
  readonly databaseUrl: string;
  readonly adminKey: string;
  readonly upstreams: Readonly<Record<string, Simulator>>;
  /** Checks use this second connection to the same database. */
  readonly database: Database;
  /** Calls the admin API and returns the answer's JSON. */
  admin<Answer>(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Makes a key and returns its secret and id. */
  key(fields?: Record<string, unknown>): Promise<{ key: string; id: string }>;
  readonly broker: AllInOne;
  stop(): Promise<void>;
}

/** Starts simulators and broker; `stop` ends everything and drops the database. */
export async function startTestBroker(options: TestBrokerOptions): Promise<TestBroker> {
  const resources = new AsyncDisposableStack();
  const upstreams: Record<string, Simulator> = {};
  const lines: string[] = [];
  for (const [name, provider] of Object.entries(options.providers)) {
    const { location = "local", brokerSlots, price, yaml, baseUrl, ...simulator } = provider;
    const slots = simulator.slots ?? brokerSlots ?? 4;
    let url = baseUrl;
    if (url === undefined) {
      const started = await startSimulator({
        kind: location === "cloud" ? "cloud" : "gpu",
        ...simulator,
        slots,
      });
      resources.defer(() => started.close());
      upstreams[name] = started;
      ({ url } = started);
    }
    const { input, output } = price ?? { input: 0, output: 0 };
    lines.push(
      `  ${name}:`,
      `    location: ${location}`,
      `    base_url: ${url}`,
      `    slots: ${brokerSlots ?? slots}`,
      `    price: { input: ${input}, output: ${output} }`,
      ...(yaml === undefined ? [] : [`    ${yaml}`]),
    );
  }
  const text = [
    ...(options.server === undefined ? [] : [`server: ${options.server}`]),
    "providers:",
    ...lines,
    "models:",
    options.models,
  ].join("\n");
  const config = parseConfig(text, { file: "test.yaml", lookup: () => undefined });

  const test = await createTestDatabase();
  resources.defer(() => test.drop());
  const database = openDatabase({
    connectionString: test.url,
    maxConnections: 4,
    applicationName: "test-look",
    onIdleError: () => undefined,
  });
  resources.defer(() => database.close());
  const broker = await startAllInOne({
    config,
    databaseUrl: test.url,
    directUrl: test.url,
    redisUrl: undefined,
    redisPrefix: "spillway",
    adminKey: ADMIN_KEY,
    host: "127.0.0.1",
    port: 0,
    log: pino({ level: process.env["TEST_LOG_LEVEL"] ?? "silent" }),
    cadences: options.cadences,
    ...(options.heartbeatMs === undefined ? {} : { timings: { heartbeatMs: options.heartbeatMs } }),
  });
  resources.defer(() => broker.stop(0));
  const { url } = broker.api;
  const admin = async <Answer>(method: string, path: string, body?: unknown): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer as Answer;
  };
  return {
    url,
    databaseUrl: test.url,
    adminKey: ADMIN_KEY,
    baseUrl: `${url}/v1`,
    upstreams,
    database,
    broker,
    admin,
    key: (fields = {}) => admin("POST", "/admin/keys", { name: "test", ...fields }),
    stop: () => resources.disposeAsync(),
  };
}
