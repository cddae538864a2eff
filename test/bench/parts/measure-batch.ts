import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readOutput, runBatch, writeBatchFile } from "../load/batch-client.ts";
import { BENCH_MODEL } from "../load/load.ts";
import { watchMemory } from "../measure/watch-memory.ts";
import type { BenchOptions, BenchRun } from "../options.ts";
import { markdown } from "../report/table.ts";
import { startGpu, type Gpu } from "../systems/start-gpu.ts";
import { startSplit } from "../systems/start-split.ts";
import { startUpstream } from "../systems/start-upstream.ts";
import type { System } from "../systems/system.ts";

const SLOTS = 16;
const SERVICE_MS = 250;
const CAPACITY_PER_SECOND = (SLOTS * 1_000) / SERVICE_MS;
const LARGE = { lines: 50_000, bytes: 4_190 };
const MEBIBYTE = 1024 * 1024;
/**
 * The heap limit of each process; without it, Node keeps garbage as long as the machine has memory.
 */
const HEAP_MEBIBYTES = 256;

/**
 * Measures how much of a GPU a batch uses while nothing else runs, how it lengthens the waits of
 * callers who take half of that GPU, and the memory that a batch of the largest size takes.
 */
export async function measureBatch(options: BenchOptions, run: BenchRun): Promise<string> {
  const seconds = (options.window.windowMs / 1_000) * 5;
  const idle = await onGpu(run, "idle", (system, gpu) => throughput(run, system, gpu, seconds));
  const busy = await onGpu(run, "busy", (system, gpu) => withBatch(run, system, gpu, seconds));
  return [...idle, "", ...busy, "", ...(await memory(run))].join("\n");
}

async function onGpu<Result>(
  run: BenchRun,
  name: string,
  work: (system: System, gpu: Gpu) => Promise<Result>,
): Promise<Result> {
  const resources = new AsyncDisposableStack();
  try {
    const gpu = await startGpu({ runDir: run.runDir, name, slots: SLOTS, serviceMs: SERVICE_MS });
    resources.defer(gpu.stop);
    const system = await startSplit({ ...run, upstreamUrl: gpu.url, slots: SLOTS }, name);
    resources.defer(system.stop);
    return await work(system, gpu);
  } finally {
    await resources.disposeAsync();
  }
}

async function throughput(
  run: BenchRun,
  system: System,
  gpu: Gpu,
  seconds: number,
): Promise<string[]> {
  const lines = Math.round(CAPACITY_PER_SECOND * seconds);
  run.progress(`a batch of ${lines} lines alone on ${SLOTS} slots of ${SERVICE_MS} ms`);
  const file = join(run.runDir, "alone.jsonl");
  await writeBatchFile(file, lines, 1_024);
  let begunAt = 0;
  let watch: ReturnType<Gpu["watchRunning"]> | undefined;
  await runBatch(system, file, () => {
    begunAt = performance.now();
    watch = gpu.watchRunning();
    // The last lines leave slots idle because no line waits.
    setTimeout(() => watch?.stop(), seconds * 900).unref();
  });
  // The time begins when the first line is done.
  const perSecond = (lines - SLOTS) / ((performance.now() - begunAt) / 1_000);
  const part = perSecond / CAPACITY_PER_SECOND;
  return [
    markdown([
      ["batch alone", "lines/s", "of the GPU's capacity", "slots in use (mean)", "met"],
      [
        `${lines} lines`,
        perSecond.toFixed(1),
        `${(part * 100).toFixed(1)} % (wanted ≥ 90 %)`,
        `${watch?.mean().toFixed(2)} of ${SLOTS}`,
        part >= 0.9 ? "yes" : "no",
      ],
    ]),
  ];
}

async function withBatch(
  run: BenchRun,
  system: System,
  gpu: Gpu,
  seconds: number,
): Promise<string[]> {
  const rate = CAPACITY_PER_SECOND / 2;
  run.progress(`${rate} callers a second alone`);
  const alone = await callers(system, rate, seconds);
  run.progress(`${rate} callers a second beside a batch`);
  const file = join(run.runDir, "beside.jsonl");
  await writeBatchFile(file, Math.round(CAPACITY_PER_SECOND * seconds), 1_024);
  const begun = Promise.withResolvers<void>();
  const batch = runBatch(system, file, begun.resolve);
  await begun.promise;
  const watch = gpu.watchRunning();
  const together = await callers(system, rate, seconds);
  watch.stop();
  await batch;
  const growth = quantile(together, 0.99) - quantile(alone, 0.99);
  const row = (name: string, waits: readonly number[]): string[] => [
    name,
    quantile(waits, 0.5).toFixed(0),
    quantile(waits, 0.99).toFixed(0),
  ];
  return [
    markdown([
      ["callers at half capacity", "p50 wait ms", "p99 wait ms", "p99 grows by", "met"],
      [...row("alone", alone), "", ""],
      [
        ...row("beside a batch", together),
        `${growth.toFixed(0)} ms (wanted ≤ ${SERVICE_MS} ms, one line's time)`,
        growth <= SERVICE_MS ? "yes" : "no",
      ],
    ]),
    "",
    `Beside the batch ${watch.mean().toFixed(2)} of ${SLOTS} slots were in use.`,
  ];
}

/**
 * Sends calls at a steady rate, however long answers take. Returns their waits beyond the GPU's own
 * time, in ms.
 */
async function callers(system: System, perSecond: number, seconds: number): Promise<number[]> {
  const calls: Promise<number>[] = [];
  const startedAt = performance.now();
  for (let index = 0; index < perSecond * seconds; index++) {
    const leftMs = startedAt + (index * 1_000) / perSecond - performance.now();
    if (leftMs > 0) await sleep(leftMs);
    calls.push(call(system));
  }
  return await Promise.all(calls);
}

async function call({ baseUrl, headers }: System): Promise<number> {
  const startedAt = performance.now();
  const response = await fetch(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ model: BENCH_MODEL, messages: [{ role: "user", content: "Hello" }] }),
  });
  await response.arrayBuffer();
  if (!response.ok) throw new Error(`a caller got ${response.status}`);
  return performance.now() - startedAt - SERVICE_MS;
}

async function memory(run: BenchRun): Promise<string[]> {
  const resources = new AsyncDisposableStack();
  try {
    const upstream = await startUpstream(run);
    resources.defer(upstream.stop);
    const system = await startSplit(
      {
        ...run,
        upstreamUrl: upstream.url,
        slots: 64,
        nodeArgs: () => [`--max-heap-size=${HEAP_MEBIBYTES}`],
      },
      "large",
    );
    resources.defer(system.stop);
    const small = join(run.runDir, "small.jsonl");
    await writeBatchFile(small, 1_000, 1_024);
    await readOutput(system, await runBatch(system, small));
    const file = join(run.runDir, "large.jsonl");
    await writeBatchFile(file, LARGE.lines, LARGE.bytes);
    run.progress(`a batch of ${LARGE.lines} lines and 200 MB`);
    const watched = { API: system.processes.API ?? 0, worker: system.processes.worker ?? 0 };
    const watch = await watchMemory(watched);
    const startedAt = performance.now();
    const batch = await runBatch(system, file);
    const runSeconds = (performance.now() - startedAt) / 1_000;
    const bytes = await readOutput(system, batch);
    const grown = await watch.stop();
    return [
      markdown([
        ["largest batch", "memory before", "grew by at most", "met"],
        ...Object.entries(grown).map(([name, { before, most }]) => [
          name,
          `${(before / MEBIBYTE).toFixed(0)} MiB`,
          `${((most - before) / MEBIBYTE).toFixed(0)} MiB (wanted < 150 MB)`,
          most - before < 150e6 ? "yes" : "no",
        ]),
      ]),
      "",
      `Each process had a heap of at most ${HEAP_MEBIBYTES} MiB. ${LARGE.lines} lines took ${runSeconds.toFixed(0)} s, their output has ${(bytes / 1e6).toFixed(0)} MB.`,
    ];
  } finally {
    await resources.disposeAsync();
  }
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
}
