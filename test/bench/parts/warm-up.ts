import type { LoadGenerator } from "../load/load-generator.ts";
import { measure } from "../measure/measure.ts";
import type { System } from "../systems/system.ts";

/** Lets every system's code get hot before anything counts. */
export async function warmUp(generator: LoadGenerator, systems: readonly System[]): Promise<void> {
  const load = { connections: 64, bodyBytes: 1024, stream: false, slowCommits: false };
  const window = { warmUpMs: 0, windowMs: 3_000 };
  for (const system of systems) {
    const { answers, errors, firstError } = await measure(generator, system, load, window);
    if (answers === 0 || errors > 0)
      throw new Error(`${system.name}: ${errors} errors in ${answers} answers: ${firstError}`);
  }
}
