/**
 * Output items of an upstream that serves responses itself, in the form in which OpenAI writes
 * them.
 */
export interface NativeItem {
  readonly id: string;
  readonly type: string;
  readonly [field: string]: unknown;
}

type Fields = Readonly<Record<string, unknown>>;

/** The broker must replace the sequence number. */
export function nativeEvent(type: string, fields: Fields, sequence = 900): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: sequence, ...fields })}\n\n`;
}

const head = { id: "resp_up", object: "response", model: "up", created_at: 1, store: false };

const usageOfNative = {
  input_tokens: 7,
  input_tokens_details: { cached_tokens: 3 },
  output_tokens: 5,
  output_tokens_details: { reasoning_tokens: 2 },
  total_tokens: 12,
};

/** Puts the lifecycle events around the given ones. */
export function nativeStream(events: string, output: readonly NativeItem[], more: Fields = {}) {
  const open = { ...head, status: "in_progress", output: [] };
  return (
    nativeEvent("response.created", { response: open }) +
    nativeEvent("response.in_progress", { response: open }) +
    events +
    nativeEvent("response.completed", {
      response: { ...head, status: "completed", output, usage: usageOfNative, ...more },
    })
  );
}

function reasoningEvents(index: number, item: NativeItem, text: string): string {
  const at = { item_id: item.id, output_index: index, summary_index: 0 };
  const part = { type: "summary_text", text };
  return (
    nativeEvent("response.output_item.added", {
      output_index: index,
      item: { ...item, summary: [] },
    }) +
    nativeEvent("response.reasoning_summary_part.added", { ...at, part: { ...part, text: "" } }) +
    nativeEvent("response.reasoning_summary_text.delta", { ...at, delta: text }) +
    nativeEvent("response.reasoning_summary_text.done", { ...at, text }) +
    nativeEvent("response.reasoning_summary_part.done", { ...at, part }) +
    nativeEvent("response.output_item.done", { output_index: index, item })
  );
}

export function messageEvents(index: number, item: NativeItem, text: string): string {
  const at = { item_id: item.id, output_index: index, content_index: 0 };
  const part = { type: "output_text", text, annotations: [], logprobs: [] };
  return (
    nativeEvent("response.output_item.added", {
      output_index: index,
      item: { ...item, status: "in_progress", content: [] },
    }) +
    nativeEvent("response.content_part.added", { ...at, part: { ...part, text: "" } }) +
    nativeEvent("response.output_text.delta", { ...at, delta: text, logprobs: [] }) +
    nativeEvent("response.output_text.done", { ...at, text, logprobs: [] }) +
    nativeEvent("response.content_part.done", { ...at, part }) +
    nativeEvent("response.output_item.done", { output_index: index, item })
  );
}

function callEvents(index: number, item: NativeItem): string {
  const at = { item_id: item.id, output_index: index };
  return (
    nativeEvent("response.output_item.added", {
      output_index: index,
      item: { ...item, status: "in_progress", arguments: "" },
    }) +
    nativeEvent("response.function_call_arguments.delta", { ...at, delta: item["arguments"] }) +
    nativeEvent("response.function_call_arguments.done", {
      ...at,
      name: item["name"],
      arguments: item["arguments"],
    }) +
    nativeEvent("response.output_item.done", { output_index: index, item })
  );
}

export function message(id: string, text: string): NativeItem {
  const part = { type: "output_text", text, annotations: [], logprobs: [] };
  return { id, type: "message", role: "assistant", status: "completed", content: [part] };
}

function functionCall(id: string, callId: string, city: string): NativeItem {
  return {
    id,
    type: "function_call",
    status: "completed",
    call_id: callId,
    name: "weather",
    arguments: JSON.stringify({ city }),
  };
}

const thought: NativeItem = {
  id: "rs_up1",
  type: "reasoning",
  summary: [{ type: "summary_text", text: "They greet." }],
};
const greeting = message("msg_up1", "Hello");
const look = message("msg_up2", "Let me see.");
const paris = functionCall("fc_up1", "call_a", "Paris");
const rome = functionCall("fc_up2", "call_b", "Rome");

export const nativeAnswer = {
  hello: nativeStream(
    reasoningEvents(0, thought, "They greet.") + messageEvents(1, greeting, "Hello"),
    [thought, greeting],
  ),
  twoCalls: nativeStream(
    messageEvents(0, look, "Let me see.") + callEvents(1, paris) + callEvents(2, rome),
    [look, paris, rome],
  ),
};
