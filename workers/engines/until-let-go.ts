import { setTimeout as sleep } from "node:timers/promises";
import type { EngineClient } from "./engine-client.ts";
import type { EngineInfo } from "./engine-info.ts";

export interface CutCall {
  readonly engine: EngineInfo;
  readonly client: EngineClient;
  /** Its answer had begun. */
  readonly began: boolean;
  /** Time that the call had run. */
  readonly elapsedMs: number;
  /** The usual time of a first token here; undefined if it was not measured yet. */
  readonly usualTtftMs: number | undefined;
  /** Sequences of the cut call itself. */
  readonly sequences: number;
  /** Sequences of other calls that this process had in flight there at the cut. */
  readonly others: number;
  /** Sequences of other calls of this process there now. */
  readonly ours: () => number;
  /** Sequences of all calls there now whose answer has begun: the engine works on each. */
  readonly answering: () => number;
}

/** llama.cpp notices a hang-up only in a second without any result, even for our questions. */
const ASK_AGAIN_MS = 1_500;
const LONGEST_MS = 30_000;
/** The bound with a witness: two batches of a prompt were seen to take 50 s on a busy machine. */
const LONGEST_WITNESSED_MS = 120_000;
/** The longest time to read an answer that the engine has ended. */
const READ_MS = 50;

/**
 * Resolves when an engine no longer works on a call that was cut: when the engine says so, else
 * after the time that was measured for its kind. A call that was cut in its prompt phase may take
 * as long as that phase usually lasts here. It never rejects.
 *
 * A witness names tasks but not their owners. The call is over when all tasks of the cut are gone,
 * or when the engine has no more of them than other processes had then and calls of ours have now.
 * A call of ours that has not begun to answer does not count, because it may not have arrived yet.
 */
export async function untilLetGo(call: CutCall): Promise<void> {
  const { generatingMs, promptMs, witness } = call.engine.letGo;
  const rest = (call.usualTtftMs ?? promptMs) - call.elapsedMs;
  const isShort = call.began || promptMs <= generatingMs;
  const waitMs = isShort ? generatingMs : Math.max(generatingMs, rest);
  const cutAt = performance.now();
  let before = witness === undefined ? "untold" : await tasksAtWork(call.client);
  let foreign = foreignTasks(before, call);
  await sleep(Math.min(waitMs, LONGEST_MS));
  if (before === "untold") return;
  while (performance.now() - cutAt < LONGEST_WITNESSED_MS) {
    const answeringBefore = call.answering();
    const now = await tasksAtWork(call.client);
    if (now === "untold") return;
    if (before === "busy") {
      before = now;
      foreign = foreignTasks(now, call);
    }
    if (before !== "busy" && now !== "busy") {
      if (!before.some((task) => now.includes(task))) return;
      await sleep(READ_MS);
      const ours = Math.min(answeringBefore, call.answering());
      if (now.length <= ours + foreign) return;
    }
    await sleep(ASK_AGAIN_MS);
  }
}

/**
 * Counts the tasks that are certainly those of other processes. There may be more, since an engine's
 * late answer may hold newer calls of ours.
 */
function foreignTasks(tasks: Tasks, { sequences, others, ours }: CutCall): number {
  return Array.isArray(tasks)
    ? Math.max(0, tasks.length - sequences - Math.max(others, ours()))
    : 0;
}

type Tasks = string[] | "untold" | "busy";

interface SlotState {
  readonly id?: unknown;
  readonly id_task?: unknown;
  readonly is_processing?: unknown;
}

/**
 * Returns the tasks that llama.cpp's slots work on. `untold` means that it does not say
 * (`--no-slots`). `busy` means that it does not answer, since it answers nothing while it computes
 * a batch of a prompt.
 */
async function tasksAtWork(client: EngineClient): Promise<Tasks> {
  const { status, text } = await client.get("/slots");
  if (status === 0) return "busy";
  if (status !== 200) return "untold";
  try {
    const slots: unknown = JSON.parse(text);
    if (!Array.isArray(slots)) return "untold";
    return (slots as SlotState[])
      .filter((slot) => slot.is_processing === true)
      .map((slot) => JSON.stringify([slot.id, slot.id_task]));
  } catch {
    return "untold";
  }
}
