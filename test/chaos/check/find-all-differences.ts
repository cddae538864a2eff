import { findDifferences } from "../../support/checker.ts";
import { type ChaosFleet, type ProviderName, providers } from "../fleet/chaos-fleet.ts";
import type { CallRecord } from "../load/call-record.ts";
import { findOverlaps } from "./find-overlaps.ts";
import { findCallerDifferences, type JobRow } from "./find-caller-differences.ts";

/** Compares callers, database and upstreams of a fleet at rest. One line for each difference. */
export async function findAllDifferences(
  fleet: Pick<ChaosFleet, "postgres" | "upstreams" | "processes">,
  records: readonly CallRecord[],
  /** Of the wall clock. */
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
      wasInTrouble: (api, fromMs, toMs) => processes[api].wasInTrouble(fromMs, toMs),
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
 * An upstream can have sent all of an answer of which the worker, behind a line that broke, has not
 * seen the end: it failed, and both are right.
 */
function isLostOnTheWay(line: string): boolean {
  return /^ledger row \S+ \(failed at .*the upstream saw it otherwise/.test(line);
}
