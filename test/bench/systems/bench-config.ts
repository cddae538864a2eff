import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { benchModel } from "../load/bench-model.ts";

/** The provider that answers. */
export const busyProvider = "bench";

/** A provider that is up and gets no requests: jobs can be made to wait for it. */
export const parkedProvider = "parked";

/** Writes the configuration of the broker; slots and prices are such that only holds are a limit. */
export async function writeBenchConfig(
  directory: string,
  upstreamUrl: string,
  slots = 512,
): Promise<string> {
  const file = join(directory, "bench.yaml");
  await writeFile(
    file,
    `providers:
  ${busyProvider}:
    location: local
    base_url: ${upstreamUrl}/v1
    slots: ${slots}
    price: { input: 0.15, output: 0.60 }
  ${parkedProvider}:
    location: local
    base_url: ${upstreamUrl}/v1
    slots: 1
    price: { input: 0.15, output: 0.60 }
models:
  ${benchModel}:
    serve: [{ provider: ${busyProvider}, model: ${benchModel} }]
    max_output_tokens: 4096
  ${parkedProvider}:
    serve: [{ provider: ${parkedProvider}, model: ${parkedProvider} }]
    max_output_tokens: 4096
`,
  );
  return file;
}
