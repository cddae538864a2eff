import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../../config/config.ts";
import type { Database } from "../../shared/db/database.ts";
import type { ProviderStates } from "../../shared/providers/provider-states.ts";
import { reportEngine } from "../../shared/providers/report-engine.ts";
import { createProvider } from "../providers/create-provider.ts";
import type { Provider } from "../providers/provider.ts";
import { createEngineClient, type EngineClient } from "./engine-client.ts";
import { EngineLoads } from "./engine-loads.ts";
import { engineProvider } from "./engine-provider.ts";
import { EngineWatch } from "./engine-watch.ts";
import { providerTargets } from "./provider-targets.ts";

/** A worker's providers, and what it knows of the engines behind them. */
export interface Engines {
  readonly watch: EngineWatch;
  readonly loads: EngineLoads;
  readonly providers: ReadonlyMap<string, Provider>;
  /** Ends all questions to engines. It comes before the providers are closed. */
  stop(): Promise<void>;
}

const ASK_TIMEOUT_MS = 3_000;

/** Opens all providers of a configuration. Problems go to the log, engine states to the database. */
export function openEngines(deps: {
  readonly config: Config;
  readonly database: Pick<Database, "pool">;
  readonly providerStates: Pick<ProviderStates, "recordEngine">;
  readonly log: FastifyBaseLogger;
  /** An engine with a queue of its own gets nothing more until it is empty. */
  readonly onFull: (provider: string, full: boolean) => void;
}): Engines {
  const { config, database, log, onFull } = deps;
  const stop = new AbortController();
  const clients = new Map<string, EngineClient>(
    Array.from(config.providers, ([name, provider]) => [
      name,
      createEngineClient({ ...provider, timeoutMs: ASK_TIMEOUT_MS, signal: stop.signal }),
    ]),
  );
  const clientOf = (provider: string): EngineClient => {
    const found = clients.get(provider);
    if (found === undefined) throw new Error(`there is no provider ${provider}`);
    return found;
  };
  const watch = new EngineWatch({
    providers: config.providers,
    models: config.models,
    clientOf,
    now: Date.now,
    onProblem: (provider, { code, message }) => {
      log.warn({ provider, problem: code }, message);
    },
    onState: (provider, state) => {
      deps.providerStates.recordEngine(provider, state);
      reportEngine(database.pool, provider, state).catch((error: unknown) => {
        log.warn({ err: error, provider }, "what is known of an engine was not written down");
      });
    },
  });
  const loads = new EngineLoads({
    providers: [...config.providers.keys()],
    engine: (provider) => watch.engine(provider),
    clientOf,
    now: Date.now,
    onFull,
  });
  const providers = new Map(
    Array.from(config.providers, ([name, provider]) => {
      const engine = () => watch.engine(name);
      const inner = createProvider(provider, { engine });
      const contextLengths = new Map(
        providerTargets(config.models, name).flatMap(({ model, contextLength }) =>
          contextLength === undefined ? [] : [[model, contextLength] as const],
        ),
      );
      const routes = config.models;
      return [
        name,
        engineProvider(inner, { watch, loads, client: clientOf(name), routes, contextLengths }),
      ];
    }),
  );
  return {
    watch,
    loads,
    providers,
    async stop() {
      stop.abort();
      await watch.stop();
    },
  };
}
