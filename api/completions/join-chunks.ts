import { asObject, type JsonObject } from "../../shared/json/json-object.ts";

interface Choice {
  readonly message: Record<string, unknown>;
  readonly calls: Map<unknown, Record<string, unknown>>;
  finish: unknown;
}

/** Texts of a delta that come in pieces; any other field counts as it came last. */
const GROWING = new Set(["content", "refusal", "reasoning", "reasoning_content"]);

/** A chat completion out of the chunks of its stream; undefined when there is none. */
export function joinChunks(chunks: readonly JsonObject[]): JsonObject | undefined {
  const [first] = chunks;
  if (first === undefined) return undefined;
  const choices = new Map<number, Choice>();
  for (const chunk of chunks)
    for (const each of listOf(chunk["choices"])) {
      const index = Number(each["index"] ?? 0);
      const choice = choices.get(index) ?? newChoice();
      choices.set(index, choice);
      choice.finish = each["finish_reason"] ?? choice.finish;
      addDelta(choice, asObject(each["delta"]) ?? {});
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
  return { message: { role: "assistant", content: null }, calls: new Map(), finish: null };
}

function addDelta({ message, calls }: Choice, delta: JsonObject): void {
  for (const [name, value] of Object.entries(delta))
    if (name === "tool_calls") for (const call of listOf(value)) addCall(calls, call);
    else if (GROWING.has(name) && typeof value === "string")
      message[name] = textOf(message[name]) + value;
    else if (value !== null) message[name] = value;
}

/** Of a tool call the arguments come in pieces. */
function addCall(calls: Choice["calls"], { index = 0, function: part, ...rest }: JsonObject): void {
  const known = calls.get(index) ?? {};
  const before = asObject(known["function"]) ?? {};
  const more = asObject(part) ?? {};
  calls.set(index, {
    ...known,
    ...rest,
    function: {
      ...before,
      ...more,
      arguments: textOf(before["arguments"]) + textOf(more["arguments"]),
    },
  });
}

function shown(index: number, { message, calls, finish }: Choice): JsonObject {
  const tools = calls.size === 0 ? {} : { tool_calls: [...calls.values()] };
  return { index, message: { ...message, ...tools }, logprobs: null, finish_reason: finish };
}

function listOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.map((each) => asObject(each) ?? {}) : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
