import type { System } from "../systems/system.ts";
import { cpuTimes, machineBusyMs } from "./cpu-time.ts";

/**
 * Begins to watch what else runs on the machine; the returned function tells its share of all the
 * processor time that was used meanwhile. A benchmark beside other work says little.
 */
export function watchForeignLoad(systems: readonly System[]): () => number {
  // Servers that left the tree of this process.
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
