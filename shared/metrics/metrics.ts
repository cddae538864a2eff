import type { Pool } from "pg";
import { Counter, Histogram, Registry } from "prom-client";
import { type ClosedAttempt, ledgerStatuses } from "../contracts/closed-attempt.ts";
import type { ProviderStates } from "../providers/provider-states.ts";
import { scrapedGauges } from "./scraped-gauges.ts";
import { countUnhandledErrors, type UnhandledErrorCounts } from "./unhandled-errors-counter.ts";

export interface Metrics {
  readonly registry: Registry;
  /** Reads the gauges, then returns the metrics as Prometheus text. */
  scrape(): Promise<string>;
  attemptEnded(attempt: ClosedAttempt): void;
  /** `endpoint` is the name of a route, never a path from outside. `status` is the HTTP status. */
  requestEnded(request: { readonly endpoint: string; readonly status: number }): void;
}

export interface MetricsDeps {
  readonly pool: Pick<Pool, "query">;
  readonly providerStates: Pick<ProviderStates, "get" | "all">;
  /** The counts of this process. Undefined where nobody counts them. */
  readonly unhandledErrors?: Readonly<UnhandledErrorCounts> | undefined;
}

const WAIT_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];
const NANOS_PER_USD = 1e9;

/** Creates the broker's metrics in a registry of their own. */
export function createMetrics({ pool, providerStates, unhandledErrors }: MetricsDeps): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const queueWait = new Histogram({
    name: "spillway_queue_wait_seconds",
    help: "Time from accept to the start of an attempt.",
    labelNames: ["provider"],
    buckets: WAIT_BUCKETS_S,
    registers,
  });
  const timeToFirstToken = new Histogram({
    name: "spillway_time_to_first_token_seconds",
    help: "Time from the start of an attempt to the first byte or event of its answer.",
    labelNames: ["provider"],
    buckets: WAIT_BUCKETS_S,
    registers,
  });
  const attempts = new Counter({
    name: "spillway_attempts_total",
    help: "Attempts that ended, by ledger status.",
    labelNames: ["provider", "status"],
    registers,
  });
  const cost = new Counter({
    name: "spillway_cost_usd_total",
    help: "Cost charged to keys.",
    labelNames: ["provider"],
    registers,
  });
  const overrun = new Counter({
    name: "spillway_overrun_usd_total",
    help: "Cost beyond the holds, which the operator carries: should stay at zero.",
    registers,
  });
  const requests = new Counter({
    name: "spillway_requests_total",
    help: "Answered requests, by endpoint and HTTP status.",
    labelNames: ["endpoint", "status"],
    registers,
  });
  // A counter that first appears with an event hides that event from `rate()`.
  for (const { name: provider } of providerStates.all()) {
    for (const status of ledgerStatuses) attempts.inc({ provider, status }, 0);
    cost.inc({ provider }, 0);
  }
  if (unhandledErrors !== undefined) countUnhandledErrors(registry, unhandledErrors);
  const gauges = scrapedGauges(registry, { pool, providerStates });

  return {
    registry,
    async scrape() {
      await gauges.read();
      return await registry.metrics();
    },
    attemptEnded({ provider, status, queueMs, ttftMs, costNanos, overrunNanos }) {
      attempts.inc({ provider, status });
      queueWait.observe({ provider }, queueMs / 1000);
      if (ttftMs !== null) timeToFirstToken.observe({ provider }, ttftMs / 1000);
      cost.inc({ provider }, Number(costNanos) / NANOS_PER_USD);
      overrun.inc(Number(overrunNanos) / NANOS_PER_USD);
    },
    requestEnded({ endpoint, status }) {
      requests.inc({ endpoint, status });
    },
  };
}
