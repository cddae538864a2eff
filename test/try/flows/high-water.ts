import { setTimeout as sleep } from "node:timers/promises";
import type { RealEngine } from "../engines/engine.ts";
import { expect } from "../run/expect.ts";

const SAMPLE_MS = 100;

/**
 * Runs work while the engine's own counters are watched. Returns the most calls that the engine
 * had, running and in its queue. Throws when that was more than its slots.
 */
export async function highWater<Result>(
  { counters, slots }: Pick<RealEngine, "counters" | "slots">,
  work: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly most: string }> {
  if (counters === undefined) return { result: await work(), most: "uncounted" };
  const over = new AbortController();
  let [highest, beyond] = [0, ""];
  const watch = (async () => {
    while (!over.signal.aborted) {
      const { running, waiting } = await counters();
      highest = Math.max(highest, running + waiting);
      if (running + waiting > slots) beyond ||= `${running} running, ${waiting} waiting`;
      await sleep(SAMPLE_MS);
    }
  })();
  const [result] = await Promise.all([work().finally(() => over.abort()), watch]);
  expect(beyond === "", `with ${slots} slots the engine had ${beyond}`);
  return { result, most: `at most ${highest} at the engine of ${slots} slots` };
}
