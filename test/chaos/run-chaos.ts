import { setTimeout as sleep } from "node:timers/promises";
import { compareAtRest } from "./check/compare-at-rest.ts";
import { watchBudgets } from "./check/watch-budgets.ts";
import { applyFault } from "./faults/apply-fault.ts";
import { describeFault, type PlannedFault } from "./faults/fault.ts";
import { planFaults } from "./faults/plan-faults.ts";
import { type ChaosFleet, startChaosFleet } from "./fleet/chaos-fleet.ts";
import { runBatchLoad } from "./load/batch-load.ts";
import { runLaterLoad } from "./load/later-load.ts";
import { runLoad } from "./load/run-load.ts";
import { SeededRandom } from "./seeded-random.ts";
import { summarize } from "./summarize.ts";

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Requests per second. */
  readonly perSecond: number;
  /** The configuration and the processes' logs are in this directory. */
  readonly directory: string;
  readonly log: (line: string) => void;
  readonly interrupted: AbortSignal;
}

const READY_MS = 90_000;

/**
 * Breaks everything for a while under load, heals it, and returns how many differences are left.
 */
export async function runChaos(options: ChaosOptions): Promise<number> {
  const { seconds, seed, log, interrupted } = options;
  const random = new SeededRandom(seed);
  const redisKeepsFile = random.chance(0.5);
  const faults = planFaults(random, seconds * 1_000);
  log(`seed ${seed}, ${seconds} s, Redis ${redisKeepsFile ? "with" : "without"} a file`);
  const begunAt = performance.now();
  const now = (): number => performance.now() - begunAt;
  const fleet = await startChaosFleet({
    redisKeepsFile,
    directory: options.directory,
    random: new SeededRandom(seed + 1).next,
    now,
  });
  const budgets = watchBudgets(fleet.postgres.database.pool, now);
  try {
    const late = await Promise.race([fleet.whenReady(READY_MS), whenAborted(interrupted, [])]);
    if (interrupted.aborted) return 1;
    if (late.length > 0) throw new Error(`${late.join(", ")} did not start`);
    const time = AbortSignal.timeout(seconds * 1_000);
    const ended = AbortSignal.any([time, interrupted]);
    const loadBeganAtMs = Date.now();
    const load = runLoad({
      fleet,
      now,
      ended,
      interrupted,
      perSecond: options.perSecond,
      random: new SeededRandom(seed + 2),
    });
    const laterLoad = runLaterLoad({
      fleet,
      ended,
      interrupted,
      perSecond: options.perSecond / 5,
      random: new SeededRandom(seed + 3),
    });
    const batchLoad = runBatchLoad({
      fleet,
      ended,
      interrupted,
      random: new SeededRandom(seed + 4),
    });
    const differences = await breakThings(fleet, faults, { log, ended, beganAtMs: now() });
    log(`The time is over at ${(now() / 1_000).toFixed(1)} s: all is healed.`);
    const [records, later, batches] = await Promise.all([load, laterLoad, batchLoad]);
    if (interrupted.aborted) return 1;
    differences.push(
      ...batches.flatMap(({ problems }) => problems),
      ...(await compareAtRest(fleet, { records, later }, { now, interrupted, loadBeganAtMs })),
      ...budgets.differences,
    );
    const lines = [
      ...summarize({ records, later, batches, faults }),
      `budgets      looked at ${budgets.checks} times`,
    ];
    for (const line of [...differences.map((one) => `DIFFERENCE   ${one}`), ...lines]) log(line);
    log(`differences  ${differences.length}, seed ${seed}`);
    return differences.length;
  } finally {
    await budgets.stop();
    await fleet.stop();
  }
}

async function breakThings(
  fleet: ChaosFleet,
  faults: readonly PlannedFault[],
  run: { log: (line: string) => void; ended: AbortSignal; beganAtMs: number },
): Promise<string[]> {
  const { log, ended } = run;
  const problems: string[] = [];
  const begunAt = performance.now();
  log(`The load begins at ${(run.beganAtMs / 1_000).toFixed(1)} s; times of faults are from then.`);
  const applied = faults.map(async (planned) => {
    const leftMs = planned.atMs - (performance.now() - begunAt);
    await sleep(leftMs, undefined, { signal: ended }).catch(() => undefined);
    if (ended.aborted) return;
    log(describeFault(planned));
    await applyFault(fleet, planned, ended).catch((error: unknown) => {
      problems.push(`the fault could not be made: ${describeFault(planned)}: ${String(error)}`);
    });
  });
  await Promise.all(applied);
  if (!ended.aborted) await new Promise((resolve) => ended.addEventListener("abort", resolve));
  for (const line of Object.values(fleet.lines)) {
    line.cutAfter(Infinity, "client");
    line.cutAfter(Infinity, "server");
  }
  return problems;
}

async function whenAborted<Value>(signal: AbortSignal, value: Value): Promise<Value> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return value;
}
