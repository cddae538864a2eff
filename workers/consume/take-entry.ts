import type { FastifyBaseLogger } from "fastify";
import type { ProviderConfig } from "../../config/config.ts";
import type { TakeEntry } from "../../shared/queue/queue-backend.ts";
import type { HeldSlots } from "../slots/held-slots.ts";
import type { WorkerHealth } from "../health/provider-health.ts";
import type { Provider } from "../providers/provider.ts";
import type { SlotLeases } from "../slots/slot-leases.ts";
import { runEntry, type RunEntryDeps } from "../attempts/run-entry.ts";
import type { Seclusion } from "../attempts/seclusion.ts";

export interface TakeEntryDeps extends RunEntryDeps {
  readonly seclusion: Seclusion;
  readonly slots: Pick<SlotLeases, "take">;
  readonly heldSlots: HeldSlots;
  /** Tells whether the provider's engine has a queue of its own and a call of ours. */
  readonly isFull: (provider: string) => boolean;
  /** Tells whether this process may begin a call now. */
  readonly mayBegin: () => boolean;
  /** Tells whether a job may call a provider now. */
  readonly health: Pick<WorkerHealth, "mayCall" | "ended">;
  readonly log: Pick<FastifyBaseLogger, "error">;
}

/**
 * Returns the function that takes the entries of a provider's queue. Each entry runs in a slot of
 * this process or goes on waiting.
 */
export function takeEntry(
  deps: TakeEntryDeps,
  provider: Provider,
  config: ProviderConfig,
): TakeEntry {
  const { seclusion, slots, heldSlots, health, log } = deps;
  const { name } = provider;
  return async (entry) => {
    if (!deps.mayBegin() || deps.isFull(name) || !seclusion.enter()) return "not_now";
    const token = health.mayCall(name, entry.job) ? slots.take(name) : null;
    const placed = token === null ? undefined : heldSlots.place(provider, token);
    try {
      if (placed === undefined) return "not_now";
      return await runEntry(deps, entry, placed.provider, config);
    } catch (error) {
      // The sweeper closes the attempt that was left open and queues the job again.
      log.error({ err: error, job: entry.job, provider: name }, "an entry's run failed");
      return "taken";
    } finally {
      placed?.release();
      health.ended(name, entry.job);
      seclusion.leave();
    }
  };
}
