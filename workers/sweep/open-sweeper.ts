import type { ProcessLease } from "../../shared/processes/process-lease.ts";
import type { AttemptAborts } from "../attempts/attempt-aborts.ts";
import { FIRST_CHECK_MS, type WorkerDeps } from "../worker-deps.ts";
import { OverflowMover } from "./overflow-mover.ts";
import { Sweeper } from "./sweeper.ts";

export interface OpenSweeperOptions extends WorkerDeps {
  readonly aborts: AttemptAborts;
  readonly lease: ProcessLease;
}

/** A worker's sweeper, and its mover of jobs that wait too long. */
export interface OpenedSweeper {
  readonly sweeper: Sweeper;
  readonly mover: OverflowMover;
}

/** Composes a worker's sweeper and mover. */
export function openSweeper(options: OpenSweeperOptions): OpenedSweeper {
  const { config, database, reply, aborts, lease, log } = options;
  const sweeper = new Sweeper({
    database,
    queues: options.queues,
    epoch: () => options.backend.epoch(),
    reply,
    self: lease.id,
    workerId: () => lease.session?.id,
    running: () => aborts.jobs(),
    stop: (job, reason) => {
      options.stops.request(job, reason);
    },
    onLost: ({ id, kind }) => {
      log.warn({ lost: id, kind }, "a process is gone: closing what it left");
    },
  });
  const overflow = [...config.models.values()].flatMap((route) => route.overflow);
  const mover = new OverflowMover({
    database,
    providerStates: options.providerStates,
    reply,
    overflowProviders: [...new Set(overflow.map(({ provider }) => provider))],
    checkMs: FIRST_CHECK_MS,
  });
  return { sweeper, mover };
}
