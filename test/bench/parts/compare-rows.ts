import { measure } from "../measure/measure.ts";
import type { BenchOptions } from "../options.ts";
import { cpuOf, markdown } from "../report/table.ts";
import { startEmbedded } from "../systems/start-embedded.ts";
import { startSplit } from "../systems/start-split.ts";
import { startUpstream } from "../systems/start-upstream.ts";
import { type System, titles } from "../systems/system.ts";
import type { BenchRun } from "./bench-run.ts";
import { fillRows } from "./fill-rows.ts";
import { warmUp } from "./warm-up.ts";

const few = 10;
const many = 1_000_000;
const rounds = 3;
const load = { connections: 32, bodyBytes: 1024, stream: false, slowCommits: false };
const wanted = 1.2;

const starts = { embedded: startEmbedded, split: startSplit };

/** Whether a request costs more among many keys, finished jobs and waiting jobs than among few. */
export async function compareRows(options: BenchOptions, run: BenchRun): Promise<string> {
  const table = [["system", "rows of each kind", "req/s", "p50 ms", "CPU ms/req", "ratio", "met"]];
  for (const name of ["embedded", "split"] as const) {
    if (!options.systems.includes(name)) continue;
    const resources = new AsyncDisposableStack();
    try {
      const upstream = await startUpstream(run);
      resources.defer(upstream.stop);
      const systems: System[] = [];
      for (const rows of [few, many]) {
        const start = { ...run, upstreamUrl: upstream.url };
        const system = await starts[name](start, `${name}-${rows}`);
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

/** Both in turns; each round's two windows lie next to each other. */
async function compare(
  systems: readonly System[],
  { window }: BenchOptions,
  { generator }: BenchRun,
): Promise<string[][]> {
  const sums = systems.map(() => ({ perSecond: 0, medianMs: 0, cpuMs: 0 }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [index, system] of systems.entries()) {
      const measured = await measure(generator, system, load, window);
      const sum = sums[index];
      if (sum === undefined) continue;
      sum.perSecond += measured.perSecond / rounds;
      sum.medianMs += measured.latencyMs.p50 / rounds;
      sum.cpuMs += cpuOf(measured) / rounds;
    }
  }
  const base = sums[0]?.cpuMs ?? Number.NaN;
  return sums.map(({ perSecond, medianMs, cpuMs }, index) => [
    titles[systems[index]?.name ?? "embedded"],
    String(index === 0 ? few : many),
    perSecond.toFixed(0),
    medianMs.toFixed(1),
    cpuMs.toFixed(2),
    index === 0 ? "" : `${(cpuMs / base).toFixed(2)} × (wanted ≤ ${wanted} ×)`,
    index === 0 ? "" : cpuMs / base <= wanted ? "yes" : "no",
  ]);
}
