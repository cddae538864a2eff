import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { benchModel } from "../load/bench-model.ts";

/** A provider whose jobs only wait: nobody listens at its address. */
export const parkedProvider = "parked";

/** Writes the configuration of the broker; slots and prices are such that only holds are a limit. */
export async function writeBenchConfig(directory: string, upstreamUrl: string): Promise<string> {
  const file = join(directory, "bench.yaml");
  await writeFile(
    file,
    `providers:
  bench:
    location: local
    base_url: ${upstreamUrl}/v1
    slots: 512
    price: { input: 0.15, output: 0.60 }
  ${parkedProvider}:
    location: local
    base_url: http://127.0.0.1:9/v1
    slots: 1
    price: { input: 0.15, output: 0.60 }
models:
  ${benchModel}:
    serve: [{ provider: bench, model: ${benchModel} }]
    max_output_tokens: 4096
  ${parkedProvider}:
    serve: [{ provider: ${parkedProvider}, model: ${parkedProvider} }]
    max_output_tokens: 4096
`,
  );
  return file;
}
