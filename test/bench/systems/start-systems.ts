import type { BenchOptions } from "../options.ts";
import { startEmbedded } from "./start-embedded.ts";
import { startForwarder } from "./start-forwarder.ts";
import { startPortkey } from "./start-portkey.ts";
import { startSplit } from "./start-split.ts";
import { startUpstream } from "./start-upstream.ts";
import type { System, SystemOptions } from "./system.ts";

const STARTS = {
  forwarder: startForwarder,
  portkey: startPortkey,
  embedded: startEmbedded,
  split: startSplit,
};

/**
 * Starts the upstream and the wanted systems in front of it. All of them run at once, and one at a
 * time is under load.
 */
export async function startSystems(
  wanted: BenchOptions["systems"],
  options: Omit<SystemOptions, "upstreamUrl">,
): Promise<{ readonly systems: readonly System[]; stop(): Promise<void> }> {
  const resources = new AsyncDisposableStack();
  const systems: System[] = [];
  try {
    const upstream = await startUpstream(options);
    resources.defer(upstream.stop);
    systems.push(upstream);
    for (const name of wanted) {
      const system = await STARTS[name]({ ...options, upstreamUrl: upstream.url });
      resources.defer(system.stop);
      systems.push(system);
    }
    return { systems, stop: () => resources.disposeAsync() };
  } catch (error) {
    await resources.disposeAsync();
    throw error;
  }
}
