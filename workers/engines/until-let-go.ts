import { setTimeout as sleep } from "node:timers/promises";
import type { AskEngine } from "./ask-engine.ts";
import type { EngineInfo } from "./engine-info.ts";

export interface CutCall {
  readonly engine: EngineInfo;
  readonly ask: AskEngine;
  /** Its answer had begun. */
  readonly began: boolean;
  /** How long the call had run. */
  readonly elapsedMs: number;
  /** What the first token of a call here usually takes; undefined: not measured yet. */
  readonly usualTtftMs: number | undefined;
  /** Its own sequences. */
  readonly sequences: number;
  /** Sequences of other calls that this process had in flight there at the cut. */
  readonly others: number;
  /** Those that there are now, this one's left out. */
  readonly ours: () => number;
  /** Those, of whatever calls there are now, whose answer has begun: the engine works on each. */
  readonly answering: () => number;
}

/** llama.cpp notices a hang-up only in a second in which no slot had a result, our questions' included. */
const ASK_AGAIN_MS = 1_500;
const LONGEST_MS = 30_000;
/** The same where a witness is asked: two batches of a prompt were seen to take 50 s of a busy machine. */
const LONGEST_WITNESSED_MS = 120_000;
/** An answer that the engine has ended takes so long to be read here, at most. */
const READ_MS = 50;

/**
 * Resolves when an engine no longer works on a call that was cut: when it says so, else after the time
 * that was measured for its kind. One that was cut in its prompt phase may take as long as that
 * phase usually lasts here. Never rejects.
 *
 * A witness tells tasks and not whose they are. The call is over when all tasks of the cut are gone, or
 * when the engine has no more of them than other processes had then and calls of ours have now. One of
 * ours that has not begun to answer counts as none: it may not be there yet.
 */
export async function untilLetGo(call: CutCall): Promise<void> {
  const { generatingMs, promptMs, witness } = call.engine.letGo;
  const rest = (call.usualTtftMs ?? promptMs) - call.elapsedMs;
  const isShort = call.began || promptMs <= generatingMs;
  const waitMs = isShort ? generatingMs : Math.max(generatingMs, rest);
  const cutAt = performance.now();
  let before = witness === undefined ? "untold" : await tasksAtWork(call.ask);
  let foreign = foreignTasks(before, call);
  await sleep(Math.min(waitMs, LONGEST_MS));
  if (before === "untold") return;
  while (performance.now() - cutAt < LONGEST_WITNESSED_MS) {
    const answeringBefore = call.answering();
    const now = await tasksAtWork(call.ask);
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

/** Tasks of other processes, at least: an engine answers late, with calls of ours that have begun since. */
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
 * The tasks that llama.cpp's slots work on. `untold`: it does not say (`--no-slots`). `busy`: no answer,
 * since it answers nothing while it computes a batch of a prompt.
 */
async function tasksAtWork(ask: AskEngine): Promise<Tasks> {
  const { status, text } = await ask.get("/slots");
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
