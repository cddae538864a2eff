import { Gauge, type Registry } from "prom-client";
import { type GaugeSources, readGauges } from "./read-gauges.ts";

interface ScrapedGauges {
  /**
   * Updates the gauges. Concurrent callers share one reading. It does not throw: when the database
   * is away, the gauges vanish, since an old value would look like a current one.
   */
  read(): Promise<void>;
}

const NANOS_PER_USD = 1e9;

/** Creates the gauges whose values come from the database or the provider states. */
export function scrapedGauges(registry: Registry, sources: GaugeSources): ScrapedGauges {
  const gauge = (name: string, help: string, labelNames: readonly string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const byProvider = {
    queued: gauge("spillway_queue_depth", "Jobs that wait for a slot.", ["provider"]),
    slots: gauge("spillway_slots", "Requests that may be in flight, over the fleet.", ["provider"]),
    inFlight: gauge("spillway_in_flight", "Open attempts, over the fleet.", ["provider"]),
    up: gauge("spillway_provider_up", "1 while calls are sent to the provider.", ["provider"]),
  };
  const held = gauge("spillway_held_usd", "Money set aside in the budgets' current periods.");
  const settled = gauge("spillway_settled_usd", "Money spent in the budgets' current periods.");
  const databaseUp = gauge("spillway_database_up", "1 when the database answered this scrape.");

  async function refresh(): Promise<void> {
    const readings = await readGauges(sources).catch(() => undefined);
    for (const perProvider of Object.values(byProvider)) perProvider.reset();
    databaseUp.set(readings === undefined ? 0 : 1);
    if (readings === undefined) {
      held.remove();
      settled.remove();
      return;
    }
    for (const provider of readings.providers) {
      const labels = { provider: provider.name };
      byProvider.queued.set(labels, provider.queued);
      byProvider.slots.set(labels, provider.slots);
      byProvider.inFlight.set(labels, provider.in_flight);
      byProvider.up.set(labels, provider.healthy ? 1 : 0);
    }
    held.set(Number(readings.heldNanos) / NANOS_PER_USD);
    settled.set(Number(readings.settledNanos) / NANOS_PER_USD);
  }

  let underWay: Promise<void> | undefined;
  return {
    read() {
      underWay ??= refresh().finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
  };
}
