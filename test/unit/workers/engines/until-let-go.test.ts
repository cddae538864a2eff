import { describe, expect, test } from "vitest";
import type { EngineAnswer, EngineClient } from "../../../../workers/engines/engine-client.ts";
import { llamacpp } from "../../../../workers/engines/llamacpp.ts";
import { untilLetGo } from "../../../../workers/engines/until-let-go.ts";

/**
 * Each entry lists the tasks at work at one question, or is the status of a failed one; the last
 * entry stands for all later questions.
 */
type PolledTasks = readonly (readonly number[] | number)[];

/**
 * Returns how many questions were asked until the slot counted as free. `others` counts the
 * sequences of other calls at the cut, `answering` those that are being answered at each question.
 */
async function askedUntilFree(said: PolledTasks, others: number, ours: number[]): Promise<number> {
  let asked = 0;
  const answering = (): number => ours[Math.min(asked, ours.length) - 1] ?? others;
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
  const client: EngineClient = { get, getBelowBase: get, post: get };
  const engine = { ...llamacpp, letGo: { ...llamacpp.letGo, generatingMs: 1, promptMs: 1 } };
  const cut = { began: false, elapsedMs: 5, usualTtftMs: undefined, sequences: 1 };
  await untilLetGo({ ...cut, engine, client, others, ours: answering, answering });
  return asked;
}

describe.concurrent("a slot of llama.cpp (0c1e570) whose call was cut", () => {
  test.each<[string, PolledTasks, number, number, number[]?]>([
    ["is free when its task is gone", [[7], []], 0, 2],
    ["is kept while its task goes on", [[7], [7], []], 0, 3],
    ["is kept when another task has begun beside it", [[7], [7, 8], [8]], 0, 3],
    ["is kept while the engine answers nothing", [[7], 0, []], 0, 3],
    ["is kept when nothing was answered at the cut either", [0, [7], []], 0, 3],
    ["is free when only the tasks of other calls work", [[5], [5]], 1, 2],
    [
      "is kept when another call of ours has ended, and it has not",
      [[7, 5], [7], []],
      1,
      3,
      [1, 0],
    ],
    ["is kept when the next one has that one's slot", [[7, 5], [7, 8], [8]], 1, 3, [1, 1]],
    ["is kept while the next one has not begun to answer", [[7, 5], [7], []], 1, 3, [1, 0]],
    ["is kept when the answer to what works came late", [0, [7, 8], [7, 8], [8]], 0, 4, [0, 1]],
    ["is free beside a foreign task that goes on", [[7, 3], [3]], 0, 2],
    ["is free after its time when the engine does not say", [501], 0, 1],
  ])("%s", async (_name, said, others, times, ours = []) => {
    expect(await askedUntilFree(said, others, ours)).toBe(times);
  });
});
