/**
 * Ends that make an answer complete: OpenAI's, then those that other engines let through their
 * OpenAI surface (TGI, Mistral, Anthropic, Gemini, Zhipu, vLLM's repetition stop).
 */
const completeReasons = new Set([
  "stop",
  "length",
  "tool_calls",
  "function_call",
  "content_filter",
  "eos",
  "eos_token",
  "stop_sequence",
  "model_length",
  "max_tokens",
  "end_turn",
  "tool_use",
  "refusal",
  "safety",
  "recitation",
  "sensitive",
  "repetition",
]);

/**
 * `open`: no reason yet. `broken`: the engine gave up (`abort`, `error`) or gave a reason that
 * nobody here knows, which must never pass for a whole answer.
 */
export function judgeFinishReason(reason: unknown): "open" | "complete" | "broken" {
  if (reason === undefined || reason === null || reason === "") return "open";
  if (typeof reason !== "string") return "broken";
  return completeReasons.has(reason.toLowerCase()) ? "complete" : "broken";
}

const cutShort: ReadonlyMap<string, "max_output_tokens" | "content_filter"> = new Map([
  ["length", "max_output_tokens"],
  ["model_length", "max_output_tokens"],
  ["max_tokens", "max_output_tokens"],
  ["content_filter", "content_filter"],
  ["safety", "content_filter"],
  ["recitation", "content_filter"],
  ["sensitive", "content_filter"],
]);

/** Why a complete answer is not all that there was to say, in the words of a response. */
export function incompleteReasonOf(reason: string) {
  return cutShort.get(reason.toLowerCase());
}
