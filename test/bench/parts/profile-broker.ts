import { join } from "node:path";
import { measure } from "../measure/measure.ts";
import type { BenchOptions, BenchRun } from "../options.ts";
import { markdown } from "../report/table.ts";
import { readProfile, type Share } from "../report/read-profile.ts";
import { startEmbedded } from "../systems/start-embedded.ts";
import { startSplit } from "../systems/start-split.ts";
import { startUpstream } from "../systems/start-upstream.ts";
import { warmUp } from "./warm-up.ts";

const CONNECTIONS = 128;
const SHOWN_MODULES = 15;
const SHOWN_FUNCTIONS = 25;

/**
 * Shows where the broker's processor time goes under load, by a CPU profile of each of its
 * processes.
 */
export async function profileBroker(options: BenchOptions, run: BenchRun): Promise<string> {
  const isSplit = options.systems.includes("split");
  const resources = new AsyncDisposableStack();
  try {
    const upstream = await startUpstream(run);
    resources.defer(upstream.stop);
    const start = isSplit ? startSplit : startEmbedded;
    const system = await start({
      ...run,
      upstreamUrl: upstream.url,
      nodeArgs: (name) => [
        "--cpu-prof",
        `--cpu-prof-dir=${run.runDir}`,
        `--cpu-prof-name=${name}.cpuprofile`,
      ],
    });
    resources.defer(system.stop);
    await warmUp(run.generator, [system], options.window);
    const load = { connections: CONNECTIONS, bodyBytes: 1024, stream: false, slowCommits: false };
    const beganMs = nowMs();
    const { perSecond } = await measure(run.generator, system, load, options.window);
    const window = { beganMs, endedMs: nowMs() };
    // The processes write their profiles when they end.
    await resources.disposeAsync();

    const sections = [
      `${CONNECTIONS} connections, ${perSecond.toFixed(0)} requests/s, profiled. Times are of the ` +
        `clock: where processors are short, system calls seem longer than they are.`,
    ];
    for (const name of isSplit ? ["api", "worker"] : ["serve"]) {
      const profile = await readProfile(join(run.runDir, `${name}.cpuprofile`), window);
      sections.push(
        `${name}: busy ${(profile.busyShare * 100).toFixed(0)} % of the time`,
        shares("module", profile.modules.slice(0, SHOWN_MODULES)),
        shares("function", profile.functions.slice(0, SHOWN_FUNCTIONS)),
      );
    }
    return sections.join("\n\n");
  } finally {
    await resources.disposeAsync();
  }
}

/** Reads the clock that V8's profiler uses. */
function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function shares(what: string, found: readonly Share[]): string {
  return markdown([
    [what, "% of busy time"],
    ...found.map(({ name, share }) => [name, (share * 100).toFixed(1)]),
  ]);
}
