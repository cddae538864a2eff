import type { PlannedFault } from "./faults/fault.ts";
import type { CallRecord } from "./load/call-record.ts";
import type { BatchRecord } from "./load/batch-load.ts";
import type { LaterRecord } from "./load/later-load.ts";

interface Happened {
  readonly records: readonly CallRecord[];
  readonly later: readonly LaterRecord[];
  readonly batches: readonly BatchRecord[];
  readonly faults: readonly PlannedFault[];
}

/** Summarizes a run in numbers, one line for each topic. */
export function summarize({ records, later, batches, faults }: Happened): string[] {
  const times = records
    .filter(({ complete }) => complete)
    .map(({ sentAtMs, endedAtMs }) => endedAtMs - sentAtMs)
    .toSorted((a, b) => a - b);
  const quantile = (part: number): string =>
    `${Math.round(times[Math.floor((times.length - 1) * part)] ?? 0)} ms`;
  return [
    `requests     ${records.length}: ${counts(records.map(outcomeOf))}`,
    `accepted     ${later.length}: ${counts(later.map(({ way, ending }) => `${way}: ${ending}`))}`,
    `batches      ${batches.length}: ${counts(batches.map(({ ending }) => ending))}`,
    `shapes       ${counts(records.map(({ shape }) => shape))}`,
    `latency      p50 ${quantile(0.5)}, p99 ${quantile(0.99)} of ${times.length} complete answers`,
    `faults       ${faults.length}: ${counts(faults.map(({ fault }) => fault.kind))}`,
  ];
}

function outcomeOf({ status, complete, end, errorCode }: CallRecord): string {
  if (end !== "answered") return end;
  if (complete) return "200";
  return `${status ?? "none"} ${errorCode ?? "cut"}`;
}

function counts(names: readonly string[]): string {
  const found = Map.groupBy(names, (name) => name);
  return [...found]
    .toSorted(([, a], [, b]) => b.length - a.length)
    .map(([name, all]) => `${all.length} × ${name}`)
    .join(", ");
}
