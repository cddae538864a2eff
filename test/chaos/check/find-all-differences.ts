import { findDifferences } from "../../support/checker.ts";
import { type ChaosFleet, type ProviderName, providers } from "../fleet/chaos-fleet.ts";
import type { CallRecord } from "../load/call-record.ts";
import { findOverlaps } from "./find-overlaps.ts";
import { findCallerDifferences, type JobRow } from "./find-caller-differences.ts";

/**
 * Compares callers, database and upstreams of a fleet at rest. Returns one line for each
 * difference.
 */
export async function findAllDifferences(
  fleet: Pick<ChaosFleet, "postgres" | "upstreams" | "processes">,
  records: readonly CallRecord[],
  /** Wall clock, milliseconds since 1970. */
  loadBeganAtMs: number,
): Promise<string[]> {
  const { postgres, upstreams, processes } = fleet;
  const { rows: jobs } = await postgres.database.pool.query<JobRow>(
    "select id, state, error_code, residency from jobs where interactive",
  );
  const recorded = await findDifferences({ database: postgres.database, upstreams });
  return [
    ...findCallerDifferences({
      records,
      jobs,
      cloudCalls: Object.keys(upstreams.cloud.counters().requests),
      wasDisturbed: (api, fromMs, toMs) => processes[api].wasDisturbed(fromMs, toMs),
    }),
    ...recorded.filter((line) => !isLostOnTheWay(line)),
    ...Object.entries(providers).flatMap(([name, { slots }]) => {
      const counters = upstreams[name as ProviderName].counters();
      if (counters.highWater <= slots) return [];
      return findOverlaps(counters, slots, loadBeganAtMs).map((calls) => `${name}: ${calls}`);
    }),
  ];
}

/**
 * An upstream may have sent its whole answer while the worker, whose connection broke, has not seen
 * the end. The attempt failed, and both records are right.
 */
function isLostOnTheWay(line: string): boolean {
  return /^ledger row \S+ \(failed at .*the upstream saw it otherwise/.test(line);
}
