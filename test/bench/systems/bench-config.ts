import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BENCH_MODEL } from "../load/load.ts";

/** The provider that answers. */
export const BUSY_PROVIDER = "bench";

/** A provider that is up and gets no requests, so that jobs can be made to wait for it. */
export const PARKED_PROVIDER = "parked";

/** Writes the broker's configuration. Slots and prices are such that only holds are a limit. */
export async function writeBenchConfig(
  directory: string,
  upstreamUrl: string,
  slots = 512,
): Promise<string> {
  const file = join(directory, "bench.yaml");
  await writeFile(
    file,
    `providers:
  ${BUSY_PROVIDER}:
    location: local
    base_url: ${upstreamUrl}/v1
    slots: ${slots}
    price: { input: 0.15, output: 0.60 }
  ${PARKED_PROVIDER}:
    location: local
    base_url: ${upstreamUrl}/v1
    slots: 1
    price: { input: 0.15, output: 0.60 }
models:
  ${BENCH_MODEL}:
    serve: [{ provider: ${BUSY_PROVIDER}, model: ${BENCH_MODEL} }]
    max_output_tokens: 4096
  ${PARKED_PROVIDER}:
    serve: [{ provider: ${PARKED_PROVIDER}, model: ${PARKED_PROVIDER} }]
    max_output_tokens: 4096
`,
  );
  return file;
}
