import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  startSimulator,
  type Simulator,
  type SimulatorOptions,
} from "../../../cli/simulate/simulator.ts";
import { onTestFinished } from "vitest";
import type { AtEnd } from "./data-dir.ts";

/** The keys are the providers' names. */
export type Upstreams = Readonly<Record<"gpu-a" | "gpu-b" | "cloud", Simulator>>;

/** The simulators run in the test's process, so they outlive the broker. */
export async function startUpstreams(
  pace: Pick<SimulatorOptions, "ttftMs" | "tokensPerSecond" | "outputTokens">,
  atEnd: AtEnd = onTestFinished,
): Promise<Upstreams> {
  const upstreams = {
    "gpu-a": await startSimulator({ kind: "gpu", slots: 4, ...pace }),
    "gpu-b": await startSimulator({ kind: "gpu", slots: 4, ...pace }),
    cloud: await startSimulator({ kind: "cloud", slots: 8, ...pace }),
  };
  atEnd(async () => {
    await Promise.all(Object.values(upstreams).map((simulator) => simulator.close()));
  });
  return upstreams;
}

/** Counts the calls that the upstreams have in flight now. */
export function inFlight(upstreams: Upstreams): number {
  return Object.values(upstreams).reduce((sum, { counters }) => sum + counters().inFlight, 0);
}

/** Writes a configuration file with these upstreams and returns its path. */
export async function writeConfig(directory: string, upstreams: Upstreams): Promise<string> {
  const file = join(directory, "spillway.yaml");
  await writeFile(
    file,
    `providers:
  gpu-a: { location: local, base_url: "${upstreams["gpu-a"].url}", slots: 4, price: { input: 1, output: 2 } }
  gpu-b: { location: local, base_url: "${upstreams["gpu-b"].url}", slots: 4, price: { input: 1, output: 2 } }
  cloud: { location: cloud, base_url: "${upstreams.cloud.url}", slots: 8, price: { input: 10, output: 20 } }
models:
  chat:
    serve: [{ provider: gpu-a, model: a }, { provider: gpu-b, model: b }]
    overflow: [{ provider: cloud, model: c }]
    overflow_when: { waited: 300ms, failed: true }
    max_output_tokens: 100
`,
  );
  return file;
}

/**
 * Makes one chat request; resolves when its answer or its stream has ended. Rejects when it is cut.
 */
export async function chat(
  url: string,
  key: string,
  fields: Readonly<Record<string, unknown>> = {},
  model = "chat",
): Promise<{ status: number; text: string; job: string | null }> {
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }], ...fields }),
  });
  const text = await response.text();
  return { status: response.status, text, job: response.headers.get("x-spillway-job-id") };
}
