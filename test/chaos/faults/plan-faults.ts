import type { SeededRandom } from "../seeded-random.ts";
import type { Fault, PlannedFault } from "./fault.ts";
import { randomFault } from "./random-fault.ts";

const MOST_AT_ONCE = 3;
const FIRST_AT_MS = 2_000;
const GAP_MS = { from: 500, to: 4_000 };
/** Time after a fault until every process has noticed its end. */
const SETTLE_MS = 1_500;
const TRIES = 20;

/**
 * Plans faults for a time in milliseconds, moderately overlapping. The same random numbers give the
 * same plan.
 */
export function planFaults(random: SeededRandom, totalMs: number): PlannedFault[] {
  const planned: PlannedFault[] = [];
  for (let atMs = FIRST_AT_MS; atMs < totalMs; atMs += random.int(GAP_MS.from, GAP_MS.to)) {
    const others = planned.filter((one) => one.atMs + one.forMs + SETTLE_MS >= atMs);
    if (others.filter(({ forMs }) => forMs > 0).length >= MOST_AT_ONCE) continue;
    for (let tries = 0; tries < TRIES; tries++) {
      const fault = { atMs, ...randomFault(random) };
      if (others.some((other) => excludeEachOther(fault.fault, other.fault))) continue;
      planned.push(fault);
      break;
    }
  }
  return planned;
}

function excludeEachOther(one: Fault, other: Fault): boolean {
  if (subjectOf(one) === subjectOf(other)) return true;
  if (one.kind === "slots" || other.kind === "slots")
    return [one, other].some(({ kind }) => kind.startsWith("postgres")); // it needs a statement
  // When a worker is frozen while the database drops its session, its upstream calls cannot be
  // ended, and no lease counts them. No broker could keep I6 of docs/architecture.md then.
  return (
    (freezesWorker(one) && losesSessions(other)) || (freezesWorker(other) && losesSessions(one))
  );
}

/** Names what a fault affects; two faults of one subject never overlap. */
function subjectOf(fault: Fault): string {
  if ("process" in fault) return fault.process;
  if ("line" in fault) return fault.line;
  if ("provider" in fault) return `${fault.kind} ${fault.provider}`;
  return fault.kind.startsWith("redis") ? "redis" : "postgres";
}

function freezesWorker(fault: Fault): boolean {
  return fault.kind === "freeze" && fault.process.startsWith("worker");
}

function losesSessions(fault: Fault): boolean {
  if (fault.kind === "line")
    return fault.line.startsWith("postgres of worker") && fault.problem.type !== "latency";
  return fault.kind === "postgres sessions" || fault.kind === "postgres restart";
}
