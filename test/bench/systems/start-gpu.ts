import { fileURLToPath } from "node:url";
import { startProgram } from "./start-program.ts";

const program = fileURLToPath(new URL("../../../cli/spillway.ts", import.meta.url));
const lookMs = 10;

export interface GpuOptions {
  readonly runDir: string;
  readonly name: string;
  readonly slots: number;
  /** Of every request. */
  readonly serviceMs: number;
}

/** A simulated GPU in a process of its own, whose load can be watched. */
export interface Gpu {
  readonly url: string;
  /** Looks from now on how many requests run. */
  watchRunning(): { mean(): number; stop(): void };
  stop(): Promise<void>;
}

/** Starts it. */
export async function startGpu({ runDir, name, slots, serviceMs }: GpuOptions): Promise<Gpu> {
  const flags = ["--slots", slots, "--ttft-ms", serviceMs, "--output-tokens", 16].map(String);
  const gpu = await startProgram({
    name: `${name}-gpu`,
    file: process.execPath,
    args: [program, "simulate", "gpu", ...flags],
    logDir: runDir,
    ready: / at (http:\S+)\s/,
  });
  const url = new URL(gpu.said).origin;
  const running = async (): Promise<number> => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    return Number(/^vllm:num_requests_running\S* (\d+)/m.exec(metrics)?.[1]);
  };
  return {
    url,
    watchRunning() {
      let sum = 0;
      let looks = 0;
      const look = async (): Promise<void> => {
        sum += await running();
        looks += 1;
      };
      const timer = setInterval(() => void look(), lookMs);
      return { mean: () => sum / looks, stop: () => clearInterval(timer) };
    },
    stop: gpu.stop,
  };
}
