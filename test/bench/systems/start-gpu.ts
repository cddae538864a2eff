import { fileURLToPath } from "node:url";
import { startProgram } from "./start-program.ts";

const PROGRAM = fileURLToPath(new URL("../../../cli/spillway.ts", import.meta.url));
const SAMPLE_MS = 10;

export interface GpuOptions {
  readonly runDir: string;
  readonly name: string;
  readonly slots: number;
  /** The time that each request takes. */
  readonly serviceMs: number;
}

/** A simulated GPU in its own process, whose load can be watched. */
export interface Gpu {
  readonly url: string;
  /** Samples from now on how many requests run. */
  watchRunning(): { mean(): number; stop(): void };
  stop(): Promise<void>;
}

/** Starts the simulator's process, whose requests each take `serviceMs`. */
export async function startGpu({ runDir, name, slots, serviceMs }: GpuOptions): Promise<Gpu> {
  const flags = ["--slots", slots, "--ttft-ms", serviceMs, "--output-tokens", 16].map(String);
  const gpu = await startProgram({
    name: `${name}-gpu`,
    file: process.execPath,
    args: [PROGRAM, "simulate", "gpu", ...flags],
    logDir: runDir,
    ready: / at (http:\S+)\s/,
  });
  const url = new URL(gpu.readyText).origin;
  const running = async (): Promise<number> => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return Number(/^vllm:num_requests_running\S* (\d+)/m.exec(metrics)?.[1]);
  };
  return {
    url,
    watchRunning() {
      let sum = 0;
      let samples = 0;
      const sample = async (): Promise<void> => {
        sum += await running();
        samples += 1;
      };
      const timer = setInterval(() => void sample(), SAMPLE_MS);
      return { mean: () => sum / samples, stop: () => clearInterval(timer) };
    },
    stop: gpu.stop,
  };
}
