import type { ClosedAttempt } from "../../shared/contracts/closed-attempt.ts";
import type { ProcessLease } from "../../shared/processes/process-lease.ts";
import type { TakeEntry } from "../../shared/queue/queue-backend.ts";
import { ProviderWorker, type QueueWorkers } from "../consume/provider-worker.ts";
import { takeEntry, type TakeEntryDeps } from "../consume/take-entry.ts";
import type { OpenedProviders } from "../health/open-providers.ts";
import { HeldSlots } from "../slots/held-slots.ts";
import type { SlotLeases } from "../slots/slot-leases.ts";
import { FIRST_CHECK_MS, type WorkerDeps } from "../worker-deps.ts";
import type { AttemptAborts } from "./attempt-aborts.ts";
import { AttemptLog } from "./attempt-log.ts";
import { concludeAttempt } from "./conclude-attempt.ts";
import { Seclusion } from "./seclusion.ts";

export interface OpenAttemptsOptions extends OpenedProviders, WorkerDeps {
  readonly queueWorkers: QueueWorkers;
  readonly aborts: AttemptAborts;
  readonly lease: ProcessLease;
  readonly slots: SlotLeases;
}

export interface OpenedAttempts {
  readonly heldSlots: HeldSlots;
}

/** Gives each provider's queue a worker, which makes attempts of its entries once it has slots. */
export function openAttempts(options: OpenAttemptsOptions): OpenedAttempts {
  const { config, queueWorkers, engines } = options;
  const heldSlots = new HeldSlots();
  const deps = takeDeps(options, heldSlots);
  for (const [name, provider] of engines.providers) {
    const providerConfig = config.providers.get(name);
    if (providerConfig === undefined) continue;
    const take = takeEntry(deps, provider, providerConfig);
    const signalling: TakeEntry = async (entry) => {
      options.activity.signal();
      return await take(entry).finally(() => options.activity.signal());
    };
    queueWorkers.set(name, new ProviderWorker(options.backend, name, signalling));
  }
  return { heldSlots };
}

function takeDeps(options: OpenAttemptsOptions, heldSlots: HeldSlots): TakeEntryDeps {
  const { config, database, reply, log, aborts, lease, slots, engines, health } = options;
  const waitsForCapacity = (model: string): boolean =>
    config.models.get(model)?.noCapacity !== "reject";
  const conclude = concludeAttempt({
    database,
    health,
    attemptLog: new AttemptLog({ log, now: () => performance.now() }),
    waitsForCapacity,
    onClosed: (attempt) => {
      logOverrun(attempt, log);
      options.onAttemptClosed(attempt);
    },
    random: Math.random,
    checkMs: FIRST_CHECK_MS,
  });
  const seclusion = new Seclusion({
    onClosed: (closed) => {
      for (const worker of options.queueWorkers.values()) worker.setHeld(closed);
    },
    now: () => performance.now(),
  });
  return {
    database,
    reply,
    aborts,
    conclude,
    onAnswering: (provider, startedMs) => health.recordSuccess(provider, startedMs),
    onTaken: (provider, priority) => options.accepted.taken(provider, priority),
    workerId: () => lease.session?.id,
    seclusion,
    slots,
    heldSlots,
    isFull: (provider) => engines.loads.isFull(provider),
    isUp: (provider) => health.isUp(provider),
    overflowWaitMs: (model) => config.models.get(model)?.overflowWhen.waitedMs ?? null,
    mayBegin: () => lease.isFresh(),
    health,
    log,
    random: Math.random,
  };
}

function logOverrun({ provider, overrunNanos }: ClosedAttempt, log: WorkerDeps["log"]): void {
  if (overrunNanos <= 0n) return;
  log.error(
    { provider, overrunNanos: overrunNanos.toString() },
    "an upstream reported more than the request allowed: the operator carries the overrun",
  );
}
