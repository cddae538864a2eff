import type { LoadGenerator } from "../load/load-generator.ts";
import { type Measurement, measure } from "../measure/measure.ts";
import type { BenchOptions } from "../options.ts";
import type { System } from "../systems/system.ts";
import { withSlowCommits } from "./slow-commits.ts";

const SMALL_BYTES = 1024;
const LARGE_BYTES = 60 * 1024;
const STREAMS = 32;

interface MeasureRequestsOptions extends Pick<BenchOptions, "connections" | "window"> {
  readonly generator: LoadGenerator;
  readonly systems: readonly System[];
  readonly onMeasured: (measurement: Measurement) => void;
}

/**
 * Measures answers and streams, with commits at the machine's own speed and with slow ones. Under
 * each condition the systems take turns, so that a machine that becomes slower slows all of them
 * equally.
 */
export async function measureRequests(options: MeasureRequestsOptions): Promise<Measurement[]> {
  const { generator, systems, connections, window } = options;
  const measurements: Measurement[] = [];
  const takeTurns = async (
    conditions: Parameters<typeof measure>[2],
    candidates: readonly System[],
  ): Promise<void> => {
    for (const system of candidates) {
      const measurement = await measure(generator, system, conditions, window);
      measurements.push(measurement);
      options.onMeasured(measurement);
    }
  };
  const whole = { stream: false, slowCommits: false };
  for (const bodyBytes of [SMALL_BYTES, LARGE_BYTES])
    for (const count of connections)
      await takeTurns({ ...whole, bodyBytes, connections: count }, systems);

  const stream = { bodyBytes: SMALL_BYTES, connections: STREAMS, stream: true, slowCommits: false };
  await takeTurns(stream, systems);

  const committing = systems.filter(({ databaseUrl }) => databaseUrl !== undefined);
  await withSlowCommits(
    committing.flatMap(({ databaseUrl }) => databaseUrl ?? []),
    async () => {
      for (const count of connections)
        await takeTurns(
          { ...whole, bodyBytes: SMALL_BYTES, connections: count, slowCommits: true },
          committing,
        );
      await takeTurns({ ...stream, slowCommits: true }, committing);
    },
  );
  return measurements;
}
