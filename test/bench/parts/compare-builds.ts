import type { Measurement } from "../measure/measure.ts";
import type { BenchOptions, BenchRun } from "../options.ts";
import { cpuOf, loadName, markdown } from "../report/table.ts";
import { checkoutOf } from "../systems/checkout-of.ts";
import { startEmbedded } from "../systems/start-embedded.ts";
import { startSplit } from "../systems/start-split.ts";
import { startUpstream } from "../systems/start-upstream.ts";
import { type System, TITLES } from "../systems/system.ts";
import { measureRequests } from "./measure-requests.ts";
import { warmUp } from "./warm-up.ts";

const MAX_RATIO = 1.05;
const STARTS = { embedded: startEmbedded, split: startSplit };

/** Measurements are kept by the load's name; in each pair the revision's build comes first. */
type Pairs = Map<string, [Measurement, Measurement][]>;

/**
 * Compares whether a request of this tree takes more time or processor time than one of a revision.
 */
export async function compareBuilds(options: BenchOptions, run: BenchRun): Promise<string> {
  const revision = options.against ?? "HEAD";
  const checkout = await checkoutOf(revision, run.cacheDir);
  const head = ["load", "system", `req/s of ${revision}`, "req/s now", "slower", "p50 ms"];
  const table = [[...head, "p50 now", `CPU ms of ${revision}`, "CPU now", "dearer", "met"]];
  for (const name of ["embedded", "split"] as const) {
    if (!options.systems.includes(name)) continue;
    const resources = new AsyncDisposableStack();
    try {
      const upstream = await startUpstream(run);
      resources.defer(upstream.stop);
      const start = { ...run, upstreamUrl: upstream.url };
      const before = await STARTS[name]({ ...start, checkout }, `${name}-before`);
      resources.defer(before.stop);
      const now = await STARTS[name](start, `${name}-now`);
      resources.defer(now.stop);
      await warmUp(run.generator, [before, now], options.window);
      const pairs: Pairs = new Map();
      for (let round = 0; round < options.rounds; round += 1)
        await measureRound(options, run, [before, now], round, pairs);
      for (const [load, found] of pairs) table.push(rowOf(load, TITLES[name], found));
    } finally {
      await resources.disposeAsync();
    }
  }
  return markdown(table);
}

/** Measures each load under both builds; the order changes from round to round. */
async function measureRound(
  options: BenchOptions,
  run: BenchRun,
  systems: readonly [System, System],
  round: number,
  pairs: Pairs,
): Promise<void> {
  const isSwapped = round % 2 === 1;
  const found = await measureRequests({
    ...options,
    generator: run.generator,
    systems: isSwapped ? systems.toReversed() : systems,
    onMeasured: (m) => run.progress(`${loadName(m)}: ${m.system} ${m.perSecond.toFixed(0)}`),
  });
  for (let index = 0; index + 1 < found.length; index += 2) {
    const [first, second] = found.slice(index, index + 2);
    if (first === undefined || second === undefined) continue;
    const load = loadName(first);
    const pair: [Measurement, Measurement] = isSwapped ? [second, first] : [first, second];
    pairs.set(load, [...(pairs.get(load) ?? []), pair]);
  }
}

function rowOf(
  load: string,
  title: string,
  found: readonly [Measurement, Measurement][],
): string[] {
  const each = (read: (m: Measurement) => number): [number, number] => [
    median(found.map(([before]) => read(before))),
    median(found.map(([, now]) => read(now))),
  ];
  const ratio = (read: (m: Measurement) => number): number =>
    median(found.map(([before, now]) => read(now) / read(before)));
  const [rateBefore, rateNow] = each((m) => m.perSecond);
  const [p50Before, p50Now] = each((m) => m.latencyMs.p50);
  const [cpuBefore, cpuNow] = each(cpuOf);
  const slower = ratio((m) => 1 / m.perSecond);
  const dearer = ratio(cpuOf);
  return [
    load,
    title,
    rateBefore.toFixed(0),
    rateNow.toFixed(0),
    `${slower.toFixed(2)} ×`,
    p50Before.toFixed(1),
    p50Now.toFixed(1),
    cpuBefore.toFixed(2),
    cpuNow.toFixed(2),
    `${dearer.toFixed(2)} ×`,
    slower <= MAX_RATIO && dearer <= MAX_RATIO ? "yes" : "no",
  ];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
