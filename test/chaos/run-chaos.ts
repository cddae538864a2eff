import { setTimeout as sleep } from "node:timers/promises";
import { findLaterDifferences, type LaterJobRow } from "./check/find-later-differences.ts";
import { findUntold } from "./check/find-untold.ts";
import { findAllDifferences } from "./check/find-all-differences.ts";
import { waitForRest } from "./check/wait-for-rest.ts";
import { watchBudgets } from "./check/watch-budgets.ts";
import { applyFault } from "./faults/apply-fault.ts";
import { describeFault, type PlannedFault } from "./faults/fault.ts";
import { planFaults } from "./faults/plan-faults.ts";
import { type ChaosFleet, providers, startChaosFleet } from "./fleet/chaos-fleet.ts";
import { callApi, type CallTarget } from "./load/call-api.ts";
import type { CallRecord } from "./load/call-record.ts";
import { runBatchLoad } from "./load/batch-load.ts";
import { type LaterRecord, runLaterLoad } from "./load/later-load.ts";
import { shapeRequest } from "./load/request-shapes.ts";
import { runLoad } from "./load/run-load.ts";
import { SeededRandom } from "./seeded-random.ts";
import { summarize } from "./summarize.ts";

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Requests. */
  readonly perSecond: number;
  /** For the configuration and the processes' logs. */
  readonly directory: string;
  readonly log: (line: string) => void;
  readonly interrupted: AbortSignal;
}

const READY_MS = 90_000;
const REST_MS = 90_000;
const END_MS = 90_000;

/** Breaks everything for a while under load, heals it, and says how many differences are left. */
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
      ...batches.flatMap(({ flaws }) => flaws),
      ...(await lookAtRest(fleet, { records, later }, { now, interrupted, loadBeganAtMs })),
      ...budgets.differences,
    );
    const lines = [
      ...summarize({ records, later, batches, faults }),
      `budgets      looked at ${budgets.looks} times`,
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
  const flaws: string[] = [];
  const begunAt = performance.now();
  log(`The load begins at ${(run.beganAtMs / 1_000).toFixed(1)} s; times of faults are from then.`);
  const applied = faults.map(async (planned) => {
    const leftMs = planned.atMs - (performance.now() - begunAt);
    await sleep(leftMs, undefined, { signal: ended }).catch(() => undefined);
    if (ended.aborted) return;
    log(describeFault(planned));
    await applyFault(fleet, planned, ended).catch((error: unknown) => {
      flaws.push(`the fault could not be made: ${describeFault(planned)}: ${String(error)}`);
    });
  });
  await Promise.all(applied);
  if (!ended.aborted) await new Promise((resolve) => ended.addEventListener("abort", resolve));
  for (const line of Object.values(fleet.lines)) {
    line.cutAfter(Infinity, "client");
    line.cutAfter(Infinity, "server");
  }
  return flaws;
}

/** Everything runs again, answers, and comes to rest; then all is compared, and ended. */
async function lookAtRest(
  fleet: ChaosFleet,
  { records, later }: { records: readonly CallRecord[]; later: readonly LaterRecord[] },
  run: Pick<CallTarget, "now" | "interrupted"> & { readonly loadBeganAtMs: number },
): Promise<string[]> {
  const { pool } = fleet.postgres.database;
  const late = await fleet.whenReady(READY_MS);
  const differences = late.map((name) => `${name} did not come back`);
  const last = await askEach(fleet, run);
  differences.push(
    ...last
      .filter(({ complete }) => !complete)
      .map(({ api, status, errorCode }) => `healed, ${api} answers ${status} ${errorCode}`),
    ...(await waitForRest(pool, REST_MS)),
  );
  // A limit lowered for the time was never above these.
  for (const [name, { slots }] of Object.entries(providers))
    await pool.query("update providers set slots = $2 where name = $1", [name, slots]);
  const { rows: jobs } = await pool.query<LaterJobRow>(
    `select id, state, error_code, residency, cancel_reason from jobs
     where not interactive and batch_id is null`,
  );
  const cloudCalls = Object.keys(fleet.upstreams.cloud.counters().requests);
  differences.push(
    ...(await findUntold(fleet)),
    ...findLaterDifferences({ records: later, jobs, cloudCalls }),
    ...(await findAllDifferences(fleet, [...records, ...last], run.loadBeganAtMs)),
  );
  const processes = Object.values(fleet.processes);
  const ends = await Promise.all(processes.map((one) => one.stop(END_MS)));
  return [...differences, ...processes.flatMap(({ crashes }) => crashes), ...ends.flat()];
}

async function askEach(
  fleet: ChaosFleet,
  run: Pick<CallTarget, "now" | "interrupted">,
): Promise<CallRecord[]> {
  const apis = ["api-1", "api-2"] as const;
  return await Promise.all(
    apis.map((api) =>
      callApi(
        {
          marker: `last-${api}`,
          api,
          key: "free",
          residency: "any",
          deadlineMs: 30_000,
          request: shapeRequest(new SeededRandom(1), `last-${api}`),
          leavesAfterMs: undefined,
          bytesPerSecond: undefined,
        },
        { url: fleet.apiUrls[api], secret: fleet.keys.free, ...run },
      ),
    ),
  );
}

async function whenAborted<Value>(signal: AbortSignal, value: Value): Promise<Value> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return value;
}
