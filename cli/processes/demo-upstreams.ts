import type { Lookup } from "../../config/environment.ts";
import { startSimulator, type Simulator } from "../simulate/simulator.ts";

/** The demo's upstreams are real HTTP servers on free ports that answer with made-up text. */
export interface DemoUpstreams {
  readonly simulators: readonly Simulator[];
  /** Returns the addresses that `config/demo.yaml` asks for. */
  readonly lookup: Lookup;
  close(): Promise<void>;
}

/** Starts two simulated GPUs with four slots each and a simulated cloud. */
export async function startDemoUpstreams(lookup: Lookup): Promise<DemoUpstreams> {
  const gpu = { kind: "gpu", slots: 4, ttftMs: 80, tokensPerSecond: 60, outputTokens: 24 } as const;
  const models = ["demo-8b", "demo-embed-small"];
  const gpuA = await startSimulator({ ...gpu, models });
  const gpuB = await startSimulator({ ...gpu, models });
  const cloud = await startSimulator({
    ...gpu,
    kind: "cloud",
    models: ["demo-cloud-mini"],
    slots: 16,
    tokensPerSecond: 90,
  });
  const urls: Readonly<Record<string, string>> = {
    SPILLWAY_DEMO_GPU_A_URL: gpuA.url,
    SPILLWAY_DEMO_GPU_B_URL: gpuB.url,
    SPILLWAY_DEMO_CLOUD_URL: cloud.url,
  };
  const simulators = [gpuA, gpuB, cloud];
  return {
    simulators,
    lookup: (name) => urls[name] ?? lookup(name),
    async close() {
      await Promise.all(simulators.map((simulator) => simulator.close()));
    },
  };
}
