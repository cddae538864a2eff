import type { LoadGenerator } from "../load/load-generator.ts";
import { measure, type Window } from "../measure/measure.ts";
import type { System } from "../systems/system.ts";

/** After so many, what a request costs in Node hardly falls any more; before, it halves. */
const enoughAnswers = 20_000;
const maxSlices = 5;
const load = { connections: 128, bodyBytes: 1024, stream: false, slowCommits: false };

/**
 * Lets every system's code get hot before anything counts, for at most five windows each. Throws
 * when a system does not answer rightly.
 */
export async function warmUp(
  generator: LoadGenerator,
  systems: readonly System[],
  { windowMs }: Pick<Window, "windowMs">,
): Promise<void> {
  for (const system of systems) {
    let all = 0;
    for (let slice = 0; slice < maxSlices && all < enoughAnswers; slice += 1) {
      const window = { warmUpMs: 0, windowMs };
      const { answers, errors, firstError } = await measure(generator, system, load, window);
      if (errors > 0) throw new Error(`${system.name}: ${errors} errors: ${firstError}`);
      all += answers;
    }
    if (all === 0) throw new Error(`${system.name} does not answer`);
  }
}
