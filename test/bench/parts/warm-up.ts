import type { LoadGenerator } from "../load/load-generator.ts";
import { measure, type Window } from "../measure/measure.ts";
import type { System } from "../systems/system.ts";

/**
 * After this many answers the cost of a request in Node hardly falls further; until then it halves.
 */
const ENOUGH_ANSWERS = 20_000;
const MAX_SLICES = 5;
const LOAD = { connections: 128, bodyBytes: 1024, stream: false, slowCommits: false };

/**
 * Warms up every system's code before the measurement, for at most five windows each. Throws when a
 * system does not answer correctly.
 */
export async function warmUp(
  generator: LoadGenerator,
  systems: readonly System[],
  { windowMs }: Pick<Window, "windowMs">,
): Promise<void> {
  for (const system of systems) {
    let all = 0;
    for (let slice = 0; slice < MAX_SLICES && all < ENOUGH_ANSWERS; slice += 1) {
      const window = { warmUpMs: 0, windowMs };
      const { answers, errors, firstError } = await measure(generator, system, LOAD, window);
      if (errors > 0) throw new Error(`${system.name}: ${errors} errors: ${firstError}`);
      all += answers;
    }
    if (all === 0) throw new Error(`${system.name} does not answer`);
  }
}
