import { mergePiece, type Merged } from "../../shared/chat/merge-piece.ts";
import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

interface Choice {
  readonly message: Merged;
  readonly logprobs: Merged;
  finish: unknown;
}

/** Makes a chat completion of the chunks of its stream; undefined if there are no chunks. */
export function joinChunks(chunks: readonly JsonObject[]): JsonObject | undefined {
  // Azure's first chunk has no choice and no model.
  const first = chunks.find((chunk) => listOf(chunk["choices"]).length > 0) ?? chunks[0];
  if (first === undefined) return undefined;
  const choices = new Map<number, Choice>();
  for (const chunk of chunks)
    for (const each of listOf(chunk["choices"])) {
      const index = Number(each["index"] ?? 0);
      const choice = choices.get(index) ?? newChoice();
      choices.set(index, choice);
      choice.finish = each["finish_reason"] ?? choice.finish;
      mergePiece(choice.message, asObject(each["delta"]) ?? {});
      mergePiece(choice.logprobs, asObject(each["logprobs"]) ?? {});
    }
  const { choices: _choices, ...head } = first;
  return {
    ...head,
    choices: [...choices]
      .toSorted(([a], [b]) => a - b)
      .map(([index, choice]) => shown(index, choice)),
    usage: chunks.findLast((chunk) => asObject(chunk["usage"]) !== undefined)?.["usage"] ?? null,
  };
}

function newChoice(): Choice {
  return { message: { role: "assistant", content: null }, logprobs: {}, finish: null };
}

function shown(index: number, { message, logprobs, finish }: Choice): JsonObject {
  const { tool_calls: calls, ...shownMessage } = message;
  const tools = listOf(calls).map((call) => {
    const { index: _index, ...rest } = call;
    return rest;
  });
  return {
    index,
    message: { ...shownMessage, ...(tools.length === 0 ? {} : { tool_calls: tools }) },
    logprobs: Object.keys(logprobs).length === 0 ? null : logprobs,
    finish_reason: finish,
  };
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map((each) => asObject(each) ?? {}) : [];
}
