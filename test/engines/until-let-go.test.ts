import { describe, expect, test } from "vitest";
import type { AskEngine, EngineAnswer } from "../../workers/engines/ask-engine.ts";
import { llamacpp } from "../../workers/engines/llamacpp.ts";
import { untilLetGo } from "../../workers/engines/until-let-go.ts";

/** Tasks at work at each question, or the status of no answer; the last stands for all later ones. */
type Said = readonly (readonly number[] | number)[];

/** How often it was asked until the slot counted as free. */
async function askedUntilFree(said: Said, others = 0): Promise<number> {
  let asked = 0;
  const get = (): Promise<EngineAnswer> => {
    const now = said[Math.min(asked++, said.length - 1)] ?? [];
    const status = typeof now === "number" ? now : 200;
    const slots = (typeof now === "number" ? [] : now).map((task) => ({
      id: 0,
      id_task: task,
      is_processing: true,
    }));
    return Promise.resolve({
      status,
      server: undefined,
      text: JSON.stringify(slots),
      json: undefined,
    });
  };
  const ask: AskEngine = { get, getBelowBase: get, post: get };
  const facts = { ...llamacpp, letGo: { ...llamacpp.letGo, generatingMs: 1, promptMs: 1 } };
  await untilLetGo({ facts, ask, began: false, elapsedMs: 5, usualTtftMs: undefined, others });
  return asked;
}

describe.concurrent("a slot of llama.cpp (0c1e570) whose call was cut", () => {
  test.each<[string, Said, number, number]>([
    ["is free when its task is gone", [[7], []], 0, 2],
    ["is kept while its task goes on", [[7], [7], []], 0, 3],
    ["is kept when another task has begun beside it", [[7], [7, 8], [8]], 0, 3],
    ["is kept while the engine answers nothing", [[7], 0, []], 0, 3],
    ["is kept when nothing was answered at the cut either", [0, [7], []], 0, 3],
    ["is free when only the tasks of other calls work", [[5], [5]], 1, 2],
    ["is free after its time when the engine does not say", [501], 0, 1],
  ])("%s", async (_name, said, others, times) => {
    expect(await askedUntilFree(said, others)).toBe(times);
  });
});
