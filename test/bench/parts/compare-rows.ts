import { measure } from "../measure/measure.ts";
import type { BenchOptions, BenchRun } from "../options.ts";
import { cpuOf, markdown } from "../report/table.ts";
import { startEmbedded } from "../systems/start-embedded.ts";
import { startSplit } from "../systems/start-split.ts";
import { startUpstream } from "../systems/start-upstream.ts";
import { type System, TITLES } from "../systems/system.ts";
import { fillRows } from "./fill-rows.ts";
import { warmUp } from "./warm-up.ts";

const FEW = 10;
const MANY = 1_000_000;
const ROUNDS = 3;
const LOAD = { connections: 32, bodyBytes: 1024, stream: false, slowCommits: false };
const MAX_RATIO = 1.2;

const STARTS = { embedded: startEmbedded, split: startSplit };

/**
 * Compares whether a request costs more among many keys, finished jobs and waiting jobs than among
 * few.
 */
export async function compareRows(options: BenchOptions, run: BenchRun): Promise<string> {
  const table = [["system", "rows of each kind", "req/s", "p50 ms", "CPU ms/req", "ratio", "met"]];
  for (const name of ["embedded", "split"] as const) {
    if (!options.systems.includes(name)) continue;
    const resources = new AsyncDisposableStack();
    try {
      const upstream = await startUpstream(run);
      resources.defer(upstream.stop);
      const systems: System[] = [];
      for (const rows of [FEW, MANY]) {
        const start = { ...run, upstreamUrl: upstream.url };
        const system = await STARTS[name](start, `${name}-${rows}`);
        resources.defer(system.stop);
        systems.push(system);
        await warmUp(run.generator, [system], options.window);
        await fillRows(system.databaseUrl ?? "", rows, run.progress);
      }
      table.push(...(await compare(systems, options, run)));
    } finally {
      await resources.disposeAsync();
    }
  }
  return markdown(table);
}

/** Measures both systems in turns, so that the two windows of a round are next to each other. */
async function compare(
  systems: readonly System[],
  { window }: BenchOptions,
  { generator }: BenchRun,
): Promise<string[][]> {
  const sums = systems.map(() => ({ perSecond: 0, medianMs: 0, cpuMs: 0 }));
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, system] of systems.entries()) {
      const measured = await measure(generator, system, LOAD, window);
      const sum = sums[index];
      if (sum === undefined) continue;
      sum.perSecond += measured.perSecond / ROUNDS;
      sum.medianMs += measured.latencyMs.p50 / ROUNDS;
      sum.cpuMs += cpuOf(measured) / ROUNDS;
    }
  }
  const base = sums[0]?.cpuMs ?? Number.NaN;
  return sums.map(({ perSecond, medianMs, cpuMs }, index) => [
    TITLES[systems[index]?.name ?? "embedded"],
    String(index === 0 ? FEW : MANY),
    perSecond.toFixed(0),
    medianMs.toFixed(1),
    cpuMs.toFixed(2),
    index === 0 ? "" : `${(cpuMs / base).toFixed(2)} × (wanted ≤ ${MAX_RATIO} ×)`,
    index === 0 ? "" : cpuMs / base <= MAX_RATIO ? "yes" : "no",
  ]);
}
