import { setTimeout as sleep } from "node:timers/promises";
import type { AskEngine } from "./ask-engine.ts";
import type { EngineFacts } from "./engine-facts.ts";

export interface CutCall {
  readonly facts: EngineFacts;
  readonly ask: AskEngine;
  /** Its answer had begun. */
  readonly began: boolean;
  /** How long the call had run. */
  readonly elapsedMs: number;
  /** What the first token of a call here usually takes; undefined: not measured yet. */
  readonly usualTtftMs: number | undefined;
  /** Sequences of other calls that this process had in flight there at the cut. */
  readonly others: number;
}

/** llama.cpp notices a hang-up only in a second in which no slot had a result, our questions' included. */
const ASK_AGAIN_MS = 1_500;
const LONGEST_MS = 30_000;

/**
 * Resolves when an engine no longer works on a call that was cut: when it says so, else after the time
 * that was measured for its kind. One that was cut in its prompt phase may take as long as that
 * phase usually lasts here. Never rejects.
 */
export async function untilLetGo(call: CutCall): Promise<void> {
  const { generatingMs, promptMs, witness } = call.facts.letGo;
  const rest = (call.usualTtftMs ?? promptMs) - call.elapsedMs;
  const isShort = call.began || promptMs <= generatingMs;
  const waitMs = isShort ? generatingMs : Math.max(generatingMs, rest);
  const cutAt = performance.now();
  let before = witness === undefined ? "untold" : await tasksAtWork(call.ask);
  await sleep(Math.min(waitMs, LONGEST_MS));
  if (before === "untold") return;
  while (performance.now() - cutAt < LONGEST_MS) {
    const now = await tasksAtWork(call.ask);
    if (now === "untold") return;
    if (before === "busy") before = now;
    // Calls that have begun since may take free slots: what counts is what worked at the cut.
    if (before !== "busy" && now !== "busy") {
      const left = before.filter((task) => now.includes(task));
      if (before.length <= call.others || left.length < before.length) return;
    }
    await sleep(ASK_AGAIN_MS);
  }
}

interface SlotState {
  readonly id?: unknown;
  readonly id_task?: unknown;
  readonly is_processing?: unknown;
}

/**
 * The tasks that llama.cpp's slots work on. `untold`: it does not say (`--no-slots`). `busy`: no answer,
 * since it answers nothing while it computes a batch of a prompt.
 */
async function tasksAtWork(ask: AskEngine): Promise<string[] | "untold" | "busy"> {
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
