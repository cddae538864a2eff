import { setTimeout as sleep } from "node:timers/promises";
import type { Load, LoadResult } from "../load/load.ts";
import type { LoadGenerator } from "../load/load-generator.ts";
import type { Part, System, SystemName } from "../systems/system.ts";
import { cpuTimes } from "./cpu-time.ts";

/** One request takes this processor time in each part, in milliseconds. */
type CpuPerRequest = Readonly<Partial<Record<Part, number>>>;

/** A measurement's conditions, without the system. */
export type Conditions = Pick<Load, "connections" | "bodyBytes" | "stream"> & {
  readonly slowCommits: boolean;
};

export interface Measurement extends Conditions, LoadResult {
  readonly system: SystemName;
  readonly perSecond: number;
  readonly cpuMs: CpuPerRequest;
}

export interface Window {
  readonly warmUpMs: number;
  readonly windowMs: number;
}

/** Cancelled calls of the last run end during this time. */
const REST_MS = 300;

/** Puts one system under load and measures its processor time over the window. */
export async function measure(
  generator: LoadGenerator,
  system: System,
  conditions: Conditions,
  window: Window,
): Promise<Measurement> {
  await sleep(REST_MS);
  const parts = Object.entries(system.processes) as [Part, number][];
  const edges: number[][] = [];
  const { connections, bodyBytes, stream } = conditions;
  const result = await generator.run(
    {
      url: `${system.baseUrl}/chat/completions`,
      headers: system.headers,
      connections,
      bodyBytes,
      stream,
      ...window,
    },
    () => edges.push(cpuTimes(parts.map(([, pid]) => pid))),
  );
  const [before = [], after = []] = edges;
  const cpuMs: Partial<Record<Part, number>> = {};
  for (const [index, [part]] of parts.entries())
    cpuMs[part] = ((after[index] ?? 0) - (before[index] ?? 0)) / result.answers;
  return {
    ...conditions,
    ...result,
    system: system.name,
    perSecond: result.answers / result.seconds,
    cpuMs,
  };
}
