import type { FastifyBaseLogger } from "fastify";
import type { Config } from "../config/config.ts";
import type { ClosedAttempt } from "../shared/contracts/closed-attempt.ts";
import type { Database } from "../shared/db/database.ts";
import { warnOfClockSkew } from "../shared/db/clock-skew.ts";
import { ProcessLease } from "../shared/processes/process-lease.ts";
import { sweepStatements } from "../shared/db/sweep.ts";
import { syncProviders } from "../shared/providers/sync-providers.ts";
import type { AcceptedQueue } from "../shared/jobs/accepted-queue.ts";
import type { ProviderStates } from "../shared/providers/provider-states.ts";
import type { ProviderQueues } from "../shared/queue/provider-queues.ts";
import type { QueueBackend } from "../shared/queue/queue-backend.ts";
import type { ReplySender } from "../shared/replies/reply-path.ts";
import type { LocalStopRequests } from "../shared/replies/stop-requests.ts";
import { createEgressPolicy } from "../shared/egress/egress-policy.ts";
import { createGuardedAgent } from "../shared/egress/guarded-agent.ts";
import { cadences as usualCadences, type Cadences } from "../shared/timing/cadences.ts";
import { startLoops, type Loops } from "../shared/timing/loops.ts";
import { openBatchFeeder } from "./batches/open-batch-feeder.ts";
import { WorkerHealth } from "./health/provider-health.ts";
import { ProviderWorker } from "./consume/provider-worker.ts";
import { openEngines } from "./engines/open-engines.ts";
import { HeldSlots } from "./slots/held-slots.ts";
import { AttemptAborts } from "./attempts/attempt-aborts.ts";
import { AttemptLog } from "./attempts/attempt-log.ts";
import { concludeAttempt } from "./attempts/conclude-attempt.ts";
import { Seclusion } from "./attempts/seclusion.ts";
import { takeEntry } from "./consume/take-entry.ts";
import { hasEnded, ownPlace } from "./slots/process-place.ts";
import { SlotLeases } from "./slots/slot-leases.ts";
import { openHousekeeping } from "./sweep/open-housekeeping.ts";
import { OverflowMover } from "./sweep/overflow-mover.ts";
import { WebhookSender } from "./webhooks/webhook-sender.ts";
import { Sweeper } from "./sweep/sweeper.ts";

export interface WorkerDeps {
  /** This process's name in the fleet. */
  readonly id: string;
  /** Beside other processes, on Redis. */
  readonly inFleet: boolean;
  readonly config: Config;
  readonly database: Database;
  /** Not through a pooler: the lease session and its locks live on it. */
  readonly directUrl: string;
  readonly backend: QueueBackend;
  readonly queues: ProviderQueues;
  readonly reply: ReplySender;
  readonly accepted: AcceptedQueue;
  readonly stops: LocalStopRequests;
  readonly providerStates: ProviderStates;
  readonly log: FastifyBaseLogger;
  readonly onAttemptClosed: (attempt: ClosedAttempt) => void;
  readonly cadences?: Cadences | undefined;
}

export interface RunningWorker {
  /** It has its place in the fleet and takes entries. */
  isReady(): boolean;
  /**
   * Stops taking entries, lets calls end within the grace time, stops the rest, gives slots back.
   * Called again it changes the grace time that is left.
   */
  stop(graceMs: number): Promise<void>;
}

const KEPT_SLOTS_MS = 2_000;
const WEBHOOK_GRACE_MS = 2_000;
/** When the sweeper first checks that a new entry exists: long after it should have been added. */
const CHECK_MS = 5_000;

/** Composes a worker process and starts it. */
export async function startWorker(deps: WorkerDeps): Promise<RunningWorker> {
  const { config, database, providerStates, reply, log } = deps;
  const names = [...config.providers.keys()];
  const statements = sweepStatements(database.pool);
  await syncProviders(
    database.pool,
    Array.from(config.providers.values(), ({ name, location, slots }) => ({
      name,
      location,
      slots,
    })),
  );
  await statements.openPeriods();
  await warnOfClockSkew(database.pool, log);

  const engines = openEngines({
    ...deps,
    onFull: (provider, full) => workers.get(provider)?.setFull(full),
  });
  const { providers } = engines;
  const aborts = new AttemptAborts(deps.stops);
  const workers = new Map<string, ProviderWorker>();
  const place = ownPlace();
  const slots = new SlotLeases({
    providers: names,
    onShare: (provider, share) => workers.get(provider)?.setSlots(share),
    now: Date.now,
    place,
    hasEnded: (other) => hasEnded(other, place),
  });
  const lease = new ProcessLease({
    directUrl: deps.directUrl,
    id: deps.id,
    kind: "worker",
    inFleet: deps.inFleet,
    onHeld: (session) => {
      slots.held(session);
    },
    onLost: (error) => {
      log.error({ err: error }, "worker lease lost: stopping its calls");
      slots.lost();
      aborts.abortAll("lease_lost");
    },
  });
  const health = new WorkerHealth({
    pool: database.pool,
    providers,
    isCloud: (provider) => config.providers.get(provider)?.location === "cloud",
    providerStates,
    worker: () => lease.id,
    hasSlots: (provider) => workers.get(provider)?.hasSlots === true,
    setGate: (provider, gate) => workers.get(provider)?.setGate(gate),
    onBack: (provider) => engines.watch.cameBack(provider),
    log,
  });
  const conclude = concludeAttempt({
    database,
    health,
    attemptLog: new AttemptLog({ log, now: () => performance.now() }),
    waitsForCapacity: (model) => config.models.get(model)?.noCapacity !== "reject",
    onClosed: (attempt) => {
      if (attempt.overrunNanos > 0n)
        log.error(
          { provider: attempt.provider, overrunNanos: attempt.overrunNanos.toString() },
          "an upstream reported more than the request allowed: the house carries the overrun",
        );
      deps.onAttemptClosed(attempt);
    },
    random: Math.random,
    checkMs: CHECK_MS,
  });
  const seclusion = new Seclusion({
    onClosed: (closed) => {
      for (const worker of workers.values()) worker.setHeld(closed);
    },
    now: () => performance.now(),
  });
  const heldSlots = new HeldSlots();
  const run = {
    database,
    reply,
    aborts,
    conclude,
    onAnswering: (provider: string, startedMs: number) => health.recordSuccess(provider, startedMs),
    onTaken: (provider: string, priority: number) => deps.accepted.taken(provider, priority),
    workerId: () => lease.session?.id,
    seclusion,
    slots,
    heldSlots,
    isFull: (provider: string) => engines.loads.isFull(provider),
    isUp: (provider: string) => health.isUp(provider),
    overflowWaitMs: (model: string) => config.models.get(model)?.overflowWhen.waitedMs ?? null,
    mayBegin: () => lease.isFresh(),
    health,
    log,
    random: Math.random,
  };

  for (const [name, provider] of providers) {
    const providerConfig = config.providers.get(name);
    if (providerConfig === undefined) continue;
    workers.set(
      name,
      new ProviderWorker(deps.backend, name, takeEntry(run, provider, providerConfig)),
    );
  }

  const sweeper = new Sweeper({
    statements,
    database,
    queues: deps.queues,
    epoch: () => deps.backend.epoch(),
    reply,
    self: lease.id,
    workerId: () => lease.session?.id,
    running: () => aborts.jobs(),
    stop: (job, reason) => {
      deps.stops.request(job, reason);
    },
    onLost: ({ id, kind }) => {
      log.warn({ lost: id, kind }, "a process is gone: closing what it left");
    },
  });
  const mover = new OverflowMover({
    statements,
    providerStates,
    end: database.end,
    reply,
    overflowProviders: [
      ...new Set(
        Array.from(config.models.values(), (route) => route.overflow.map((t) => t.provider)).flat(),
      ),
    ],
    checkMs: CHECK_MS,
  });

  const egress = createGuardedAgent(createEgressPolicy(config.webhooks));
  const webhooks = new WebhookSender({ pool: database.pool, agent: egress, log });
  const housekeeping = openHousekeeping({ database, reply, ...config.retention });
  const feeder = openBatchFeeder({
    ...deps,
    workerId: () => lease.session?.id,
    stop: (job, reason) => deps.stops.request(job, reason),
  });

  const failing = (what: string) => (error: unknown) => {
    log.warn({ err: error }, `${what} failed; it will be tried again`);
  };
  let loops: Loops | undefined;
  let graceTimer: NodeJS.Timeout | undefined;
  let stopping: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(Array.from(workers.values(), (worker) => worker.close()));
    clearTimeout(graceTimer);
    await loops?.stop();
    await feeder.stop().catch(failing("giving batches back"));
    await webhooks.stop(WEBHOOK_GRACE_MS);
    await egress.destroy();
    await engines.stop();
    await heldSlots.settle(KEPT_SLOTS_MS);
    await slots.releaseAll().catch(failing("giving slots back"));
    await lease.stop();
    await Promise.all(Array.from(providers.values(), (provider) => provider.close()));
  };

  try {
    await lease.start();
    await health.report();
    // What a predecessor left behind ends before anything new is taken.
    await sweeper.sweep();
    await slots.refresh();
  } catch (error) {
    // A lease that is kept would count in the fleet's shares, and nothing would be taken with them.
    await close();
    throw error;
  }
  loops = startLoops(
    [
      ["share", "slot sharing", () => slots.refresh()],
      ["sweep", "sweep", () => sweeper.closeDead()],
      // It asks the queue, which may be away, so that it has a loop of its own.
      ["wake", "waking jobs", () => sweeper.wake()],
      ["overflow", "overflow", () => mover.move()],
      ["probe", "probe", () => health.probe()],
      ["rest", "trying providers", () => health.round()],
      ["engine", "asking engines", () => engines.watch.look()],
      ["load", "asking how busy engines are", () => engines.loads.poll()],
      ["health", "provider health", () => health.report()],
      ["batch", "feeding batches", () => feeder.round()],
      ["webhook", "sending webhooks", () => webhooks.round()],
      ["forget", "forgetting old jobs", () => housekeeping.forget()],
      ["abandoned", "ending abandoned jobs", () => housekeeping.endAbandoned()],
      ["period", "opening budget periods", () => statements.openPeriods()],
    ],
    { cadences: deps.cadences ?? usualCadences, log },
  );
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
