import { openBudgetPeriods } from "../shared/budgets/budget-periods.ts";
import { warnOfClockSkew } from "../shared/db/clock-skew.ts";
import { createEgressPolicy } from "../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../shared/egress/guarded-agent.ts";
import { syncProviders } from "../shared/providers/sync-providers.ts";
import {
  aloneIdleCadences,
  cadences as usualCadences,
  fleetIdleCadences,
} from "../shared/timing/cadences.ts";
import { startLoops, type Loops } from "../shared/timing/loops.ts";
import { AttemptAborts } from "./attempts/attempt-aborts.ts";
import { openAttempts } from "./attempts/open-attempts.ts";
import { openBatchFeeder } from "./batches/open-batch-feeder.ts";
import type { QueueWorkers } from "./consume/provider-worker.ts";
import { openProviders } from "./health/open-providers.ts";
import { openSlots } from "./slots/open-slots.ts";
import { openHousekeeping } from "./sweep/open-housekeeping.ts";
import { openSweeper } from "./sweep/open-sweeper.ts";
import { WebhookSender } from "./webhooks/webhook-sender.ts";
import type { WorkerDeps } from "./worker-deps.ts";

export interface RunningWorker {
  /** True while the worker holds its lease and takes entries. */
  isReady(): boolean;
  /**
   * Stops taking entries, lets calls end within the grace time, stops the remaining calls and gives
   * the slots back. A second call changes the grace time that is left.
   */
  stop(graceMs: number): Promise<void>;
}

const KEPT_SLOTS_MS = 2_000;
const WEBHOOK_GRACE_MS = 2_000;

/** Composes a worker process and starts it. */
export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { pool } = deps.database;
  await syncProviders(pool, [...deps.config.providers.values()]);
  await openBudgetPeriods(pool);
  await warnOfClockSkew(pool, deps.log);
  const parts = openParts(deps);
  const { lease, aborts } = parts;
  let loops: Loops | undefined;
  let graceTimer: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(Array.from(parts.queueWorkers.values(), (worker) => worker.close()));
    clearTimeout(graceTimer);
    await loops?.stop();
    await closeParts(parts, deps);
  };
  try {
    await lease.start();
    await parts.health.report();
    // The work that a predecessor left open ends before anything new is taken.
    await parts.sweeper.sweep();
    await parts.slots.refresh();
  } catch (error) {
    // A kept lease would count in the fleet's shares of slots, though this process takes nothing.
    await close();
    throw error;
  }
  loops = runLoops(parts, deps);
  return {
    isReady: () => lease.session !== undefined && stopping === undefined,
    async stop(graceMs) {
      clearTimeout(graceTimer);
      graceTimer = setTimeout(() => {
        aborts.abortAll("shutdown");
      }, graceMs);
      await (stopping ??= close());
    },
  };
}

type Parts = ReturnType<typeof openParts>;

/** Opens the parts of a worker. None of them asks or takes anything before the lease begins. */
function openParts(deps: WorkerDeps) {
  const queueWorkers: QueueWorkers = new Map();
  const aborts = new AttemptAborts(deps.stops);
  const { lease, slots } = openSlots({ ...deps, queueWorkers, aborts });
  const providers = openProviders({ ...deps, queueWorkers });
  const attempts = openAttempts({ ...deps, ...providers, queueWorkers, aborts, lease, slots });
  const egress = createGuardedAgent(createEgressPolicy(deps.config.webhooks));
  return {
    queueWorkers,
    aborts,
    lease,
    slots,
    ...providers,
    ...attempts,
    ...openSweeper({ ...deps, aborts, lease }),
    egress,
    webhooks: new WebhookSender({ pool: deps.database.pool, agent: egress, log: deps.log }),
    housekeeping: openHousekeeping({ ...deps, ...deps.config.retention }),
    feeder: openBatchFeeder({
      ...deps,
      workerId: () => lease.session?.id,
      stop: (job, reason) => deps.stops.request(job, reason),
    }),
  };
}

function runLoops(parts: Parts, deps: WorkerDeps): Loops {
  const { slots, sweeper, mover, health, engines, feeder, webhooks, housekeeping } = parts;
  const { activity, providerStates, database } = deps;
  return startLoops(
    [
      ["look", "looking for work", () => activity.look()],
      ["share", "slot sharing", () => slots.refresh(), () => !slots.isSettled],
      ["stop", "stopping calls", () => sweeper.closeOwn()],
      ["sweep", "sweep", () => sweeper.closeDead()],
      // This asks the queue, which may be away, and so has a loop of its own.
      ["wake", "waking jobs", () => sweeper.wake()],
      ["overflow", "overflow", () => mover.move()],
      ["probe", "probe", () => health.probe()],
      ["rest", "trying providers", () => health.round(), () => health.hasRests],
      ["engine", "asking engines", () => engines.watch.look()],
      ["load", "asking how busy engines are", () => engines.loads.poll()],
      ["health", "provider health", () => health.report(), () => !providerStates.areUp],
      ["batch", "feeding batches", () => feeder.round()],
      ["webhook", "sending webhooks", () => webhooks.round()],
      ["forget", "forgetting old jobs", () => housekeeping.forget()],
      ["abandoned", "ending abandoned jobs", () => housekeeping.endAbandoned()],
      ["period", "opening budget periods", () => openBudgetPeriods(database.pool)],
    ],
    {
      cadences: deps.cadences ?? usualCadences,
      idleCadences: deps.inFleet ? fleetIdleCadences : aloneIdleCadences,
      activity,
      log: deps.log,
    },
  );
}

/** Gives everything back, after queues and loops have ended. */
async function closeParts(parts: Parts, { log }: WorkerDeps): Promise<void> {
  const { engines, slots } = parts;
  const failing = (doing: string) => (error: unknown) => {
    log.warn({ err: error }, `${doing} failed; it will be tried again`);
  };
  await parts.feeder.stop().catch(failing("giving batches back"));
  await parts.webhooks.stop(WEBHOOK_GRACE_MS);
  await parts.egress.destroy();
  await engines.stop();
  await parts.heldSlots.settle(KEPT_SLOTS_MS);
  await slots.releaseAll().catch(failing("giving slots back"));
  await parts.lease.stop();
  await Promise.all(Array.from(engines.providers.values(), (provider) => provider.close()));
}
