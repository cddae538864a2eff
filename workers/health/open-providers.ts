import type { QueueWorkers } from "../consume/provider-worker.ts";
import { openEngines, type Engines } from "../engines/open-engines.ts";
import type { WorkerDeps } from "../worker-deps.ts";
import { WorkerHealth } from "./provider-health.ts";

export interface OpenProvidersOptions extends Pick<
  WorkerDeps,
  "id" | "config" | "database" | "providerStates" | "activity" | "log"
> {
  readonly queueWorkers: QueueWorkers;
}

/** A worker's providers and their health. */
export interface OpenedProviders {
  readonly engines: Engines;
  readonly health: WorkerHealth;
}

/** Opens the providers of a configuration. Their queues open and shut as their health changes. */
export function openProviders(options: OpenProvidersOptions): OpenedProviders {
  const { config, queueWorkers } = options;
  const engines = openEngines({
    ...options,
    onFull: (provider, full) => queueWorkers.get(provider)?.setFull(full),
  });
  const health = new WorkerHealth({
    pool: options.database.pool,
    providers: engines.providers,
    isCloud: (provider) => config.providers.get(provider)?.location === "cloud",
    providerStates: options.providerStates,
    worker: () => options.id,
    hasSlots: (provider) => queueWorkers.get(provider)?.hasSlots === true,
    setGate: (provider, gate) => {
      queueWorkers.get(provider)?.setGate(gate);
      options.activity.signal();
    },
    onBack: (provider) => engines.watch.cameBack(provider),
    log: options.log,
  });
  return { engines, health };
}
