import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from "../../../cli/simulate/simulator.ts";
import { openDatabase, type Database } from "../../../shared/db/database.ts";
import { createKey } from "../../../shared/keys/create-key.ts";
import { createKeyInput } from "../../../shared/keys/key-input.ts";
import { startCommand, type CommandProcess } from "../process/broker-process.ts";
import { admitStart } from "../../support/admitted-start.ts";
import { eventually } from "../../support/eventually.ts";

interface FleetProvider extends Partial<SimulatorOptions> {
  readonly slots: number;
  /** The broker uses this many slots when the simulator has more. */
  readonly brokerSlots?: number;
  readonly location?: "local" | "cloud";
  /** These further lines of the provider are YAML flow text. */
  readonly yaml?: string;
  /** An address in the simulator's place. */
  readonly baseUrl?: string;
}

export interface FleetOptions {
  /** Nobody else uses this database, which may be migrated or not. */
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** The processes connect to these addresses; the default is those above. */
  readonly through?: { readonly databaseUrl?: string; readonly redisUrl?: string };
  readonly providers: Readonly<Record<string, FleetProvider>>;
  /** The `models:` part of the configuration is YAML text, indented by two spaces. */
  readonly models: string;
  /** The `server:` part is YAML flow text. */
  readonly server?: string;
}

export interface ApiProcess extends CommandProcess {
  readonly url: string;
  /** It ends with `/v1`. */
  readonly baseUrl: string;
}

type Env = Readonly<Record<string, string>>;

/** Starts processes of the fleet and waits until they run. */
interface ProcessStarter {
  startApi(env?: Env): Promise<ApiProcess>;
  startWorker(env?: Env): Promise<CommandProcess>;
}

/** A test starts, kills and freezes the fleet's real processes; they end with the test. */
export interface Fleet extends ProcessStarter {
  readonly upstreams: Readonly<Record<string, Simulator>>;
  /** The test looks at the tables through a connection of its own. */
  readonly database: Database;
  /** Every process gets these variables. */
  readonly env: Env;
  /** Starts processes for all tests of a file; they end with the fleet. */
  readonly lasting: ProcessStarter;
  /** Makes a key and returns its secret. */
  key(fields?: Readonly<Record<string, unknown>>): Promise<string>;
  /** The processes must have ended before this. */
  stop(): Promise<void>;
}

/** Starts simulators, writes the configuration and migrates the database; starts no process yet. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const resources = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "spillway-fleet-"));
  resources.defer(() => rm(directory, { recursive: true }));
  const upstreams: Record<string, Simulator> = {};
  const lines: string[] = [];
  for (const [name, provider] of Object.entries(options.providers)) {
    const { location = "local", yaml, brokerSlots, baseUrl, ...simulator } = provider;
    const kind = location === "cloud" ? "cloud" : "gpu";
    let url = baseUrl;
    if (url === undefined) {
      const upstream = await startSimulator({ kind, ...simulator });
      resources.defer(() => upstream.close());
      upstreams[name] = upstream;
      ({ url } = upstream);
    }
    lines.push(
      `  ${name}:`,
      `    location: ${location}`,
      `    base_url: ${url}`,
      `    slots: ${brokerSlots ?? simulator.slots}`,
      "    price: { input: 1, output: 1 }",
      ...(yaml === undefined ? [] : [`    ${yaml}`]),
    );
  }
  const config = join(directory, "spillway.yaml");
  const text = [
    ...(options.server === undefined ? [] : [`server: ${options.server}`]),
    "providers:",
    ...lines,
    "models:",
    options.models,
  ].join("\n");
  await writeFile(config, text);
  const env = {
    DATABASE_URL: options.through?.databaseUrl ?? options.databaseUrl,
    REDIS_URL: options.through?.redisUrl ?? options.redisUrl,
    SPILLWAY_CONFIG: config,
    SPILLWAY_ADMIN_KEY: "sk-admin-test",
    SPILLWAY_DATA_DIR: directory,
    LOG_LEVEL: "warn",
  };
  const start = async (
    name: "api" | "worker",
    more: Env,
    ready: RegExp,
    atEnd?: (kill: () => void) => void,
  ): Promise<CommandProcess & { readonly found: string }> => {
    const hasStarted = await admitStart();
    const started = startCommand([name], { ...env, ...more }, undefined, atEnd);
    let over = false;
    void started.ended.then(() => (over = true));
    const found = await eventually(() => {
      const match = ready.exec(started.stdout());
      if (match === null && !over) throw new Error(`${name}: not ready yet`);
      return match;
    }).finally(hasStarted);
    if (found === null) throw new Error(`${name} ended: ${started.stderr()}`);
    return { ...started, found: found[1] ?? "" };
  };
  const starter = (atEnd?: (kill: () => void) => void): ProcessStarter => ({
    async startApi(more = {}) {
      const started = await start("api", { SPILLWAY_PORT: "0", ...more }, /runs at (\S+)/, atEnd);
      return { ...started, url: started.found, baseUrl: `${started.found}/v1` };
    },
    startWorker: (more = {}) => start("worker", more, /(worker runs)/, atEnd),
  });
  const database = openDatabase({
    connectionString: options.databaseUrl,
    maxConnections: 4,
    applicationName: "test-look",
    onIdleError: () => undefined,
  });
  resources.defer(() => database.close());
  return {
    upstreams,
    database,
    env,
    ...starter(),
    lasting: starter((kill) => resources.defer(kill)),
    async key(fields = {}) {
      const input = createKeyInput.parse({ name: "test", ...fields });
      return (await createKey(database.pool, input)).secret;
    },
    stop: () => resources.disposeAsync(),
  };
}
