import type { System } from "../systems/system.ts";
import { cpuTimes, machineBusyMs } from "./cpu-time.ts";

/**
 * Begins to watch what else runs on the machine. The returned function tells the share of other
 * programs in all processor time used since then. A benchmark on a busy machine proves little.
 */
export function watchForeignLoad(systems: readonly System[]): () => number {
  // These servers left the process tree of the benchmark.
  const servers = systems.flatMap(({ processes }) => processes.PostgreSQL ?? []);
  const read = (): { readonly all: number; readonly ours: number } => ({
    all: machineBusyMs(),
    ours: cpuTimes([process.pid, ...servers]).reduce((sum, ms) => sum + ms, 0),
  });
  const before = read();
  return () => {
    const after = read();
    const all = after.all - before.all;
    return Math.max(0, all - (after.ours - before.ours)) / all;
  };
}
