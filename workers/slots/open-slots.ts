import { ProcessLease } from "../../shared/processes/process-lease.ts";
import type { AttemptAborts } from "../attempts/attempt-aborts.ts";
import type { QueueWorkers } from "../consume/provider-worker.ts";
import type { WorkerDeps } from "../worker-deps.ts";
import { hasEnded, ownPlace } from "./process-place.ts";
import { SlotLeases } from "./slot-leases.ts";

export interface OpenSlotsOptions extends Pick<
  WorkerDeps,
  "id" | "inFleet" | "config" | "directUrl" | "log"
> {
  readonly queueWorkers: QueueWorkers;
  readonly aborts: AttemptAborts;
}

/**
 * Composes a worker's lease and the slots that it holds with it. It asks the database for nothing
 * yet.
 */
export function openSlots(options: OpenSlotsOptions): { lease: ProcessLease; slots: SlotLeases } {
  const { config, queueWorkers, aborts, log } = options;
  const place = ownPlace();
  const slots = new SlotLeases({
    providers: [...config.providers.keys()],
    onShare: (provider, share) => queueWorkers.get(provider)?.setSlots(share),
    now: Date.now,
    place,
    hasEnded: (other) => hasEnded(other, place),
  });
  const lease = new ProcessLease({
    directUrl: options.directUrl,
    id: options.id,
    kind: "worker",
    inFleet: options.inFleet,
    onHeld: (session) => {
      slots.held(session);
    },
    onLost: (error) => {
      log.error({ err: error }, "worker lease lost: stopping its calls");
      slots.lost();
      aborts.abortAll("lease_lost");
    },
  });
  return { lease, slots };
}
